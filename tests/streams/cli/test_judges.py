"""`clawback judges calibrate` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.support.sessions import write_sessions

Call = Callable[..., Result]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_sessions(tmp_path / "logs", range(6), 8)
    return tmp_path / "logs"


def test_it_says_who_is_refused_and_why_and_where_the_page_is(
    call: Call, logs: Path, tmp_path: Path
) -> None:
    answer = call("judges", "calibrate", "--from", logs, "--size", 60, "--out", "cal")
    assert answer.exit_code == 4
    assert answer.stdout.count("REFUSED") == 3
    assert answer.stdout.count("panels count it all the same") == 3
    assert "it scores a good turn above a junk one with a chance of" in answer.stdout
    assert "30 good turns and 30 junk ones" in answer.stderr
    assert (tmp_path / "cal" / "report.html").exists()
    assert (tmp_path / "cal" / "results" / "signals-errors").is_dir()


def test_the_set_stays_frozen_until_another_is_wanted(
    call: Call, logs: Path, tmp_path: Path
) -> None:
    def fingerprint(*arguments: object) -> str:
        answer = call("judges", "calibrate", "signals-errors", "--json", *arguments)
        assert answer.exit_code == 4
        made = json.loads(answer.stdout)["set"]["fingerprint"]
        assert isinstance(made, str)
        return made

    first = fingerprint("--from", logs, "--size", 40)
    assert fingerprint() == first
    assert fingerprint("--again") == first
    kept = list((tmp_path / "home/.clawback/calibration").glob("answers-*.jsonl"))
    assert len(kept) == 1
    assert fingerprint("--from", logs, "--size", 40, "--seed", 5, "--new-set") != first


def test_settings_decide_who_passes(call: Call, logs: Path, tmp_path: Path) -> None:
    (tmp_path / "clawback.toml").write_text(
        "[calibration]\nmin_separation = 0.5\nmax_inflation = 9\nmax_inflated = 1\n"
    )
    answer = call("judges", "calibrate", "signals-errors", "--from", logs, "--size", 60)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("accepted signals-errors (signals/errors)")


def test_mistakes_are_told_in_one_line(call: Call, tmp_path: Path) -> None:
    unknown = call("judges", "calibrate", "nobody")
    assert unknown.exit_code == 2
    assert "no judge is called 'nobody'; there are: signals-errors" in unknown.stderr
    missing = call("judges", "calibrate", "--from", "nowhere")
    assert missing.exit_code == 1
    assert "nowhere is not there" in missing.stderr
    write_sessions(tmp_path / "one", range(1), 1)
    few = call("judges", "calibrate", "--from", tmp_path / "one")
    assert few.exit_code == 1
    assert "name session files with --from" in few.stderr
    (tmp_path / "cal").mkdir()
    (tmp_path / "cal/set.jsonl").write_text("else\n")
    broken = call("judges", "calibrate", "--out", "cal")
    assert broken.exit_code == 1
    assert "--new-set makes another" in broken.stderr
