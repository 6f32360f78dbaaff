"""`clawback judges check`, `fake` and `list` as a user calls them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]
MAIN = "from streams.cli import main; main()"
REPO = Path(__file__).parents[3]


@contextmanager
def fake(*arguments: str) -> Iterator[str]:
    """A fake judge as a user starts it; its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "judges", "fake", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert match is not None
        yield match[0]
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        assert process.returncode == 0
        assert re.search(r"asked \d+ times", said)


def settings(path: Path, url: str, **fields: str) -> None:
    table = {"kind": "ollama", "name": "one", "url": url, "model": "fake-judge", **fields}
    lines = [f'{name} = "{value}"' for name, value in table.items()]
    (path / "clawback.toml").write_text("\n".join(["[[judges]]", *lines]))


def test_a_judge_that_works(call: Call, tmp_path: Path) -> None:
    with fake("--latency", "20ms", "--thinks") as url:
        settings(tmp_path, url)
        answer = call("judges", "check")
        assert answer.exit_code == 0
        assert re.search(r"works +one: fake-judge at http://127", answer.stdout)
        assert answer.stdout.count("gets through") == 2
        assert "thinks, holds 131,072 tokens" in answer.stdout
        assert re.search(r"asked +scored after 0\.\d s, \d+ tokens in", answer.stdout)
        (found,) = json.loads(call("judges", "check", "one", "--json").stdout)
        assert found["works"] is True
        assert found["transports"] == {"httpx": "", "curl": ""}


def test_a_model_that_is_not_there(call: Call, tmp_path: Path) -> None:
    with fake("--model", "qwen3:32b", "--model", "gemma3") as url:
        settings(tmp_path, url, model="nemotron")
        answer = call("judges", "check")
        assert answer.exit_code == 4
        assert "the server has no model 'nemotron'; it has: qwen3:32b, gemma3" in answer.stdout
        assert "ollama pull nemotron" in answer.stdout


def test_a_server_of_another_kind(call: Call, tmp_path: Path) -> None:
    with fake("--wire", "openai") as url:
        settings(tmp_path, url)
        assert call("judges", "check").exit_code == 4
        settings(tmp_path, url, kind="openai")
        assert call("judges", "check").exit_code == 0


def test_an_answer_that_cannot_be_read(call: Call, tmp_path: Path) -> None:
    with fake("--faults", "babble=1") as url:
        settings(tmp_path, url)
        answer = call("judges", "check")
        assert answer.exit_code == 4
        assert "it abstained (unreadable)" in answer.stdout
        assert call("judges", "check", "--no-question").exit_code == 0


def test_nobody_listens(call: Call, tmp_path: Path) -> None:
    settings(tmp_path, "http://127.0.0.1:9")
    answer = call("judges", "check")
    assert answer.exit_code == 4
    assert answer.stdout.count("can't be reached") == 3


def test_where_only_curl_gets_through(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where Python's sockets are shut in and a program it starts is not."""
    from agents.judges import check
    from agents.judges.contract import JudgeUnavailable

    through = check._look

    async def look(config: object, name: str) -> object:
        if name == "httpx":
            return check._Look(fault=str(JudgeUnavailable("can't be reached: No route to host")))
        return await through(config, name)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "_look", look)
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(check.check, "__kwdefaults__", {"ask": True, "platform": "darwin"})
    with fake() as url:
        settings(tmp_path, url)
        answer = call("judges", "check")
        assert answer.exit_code == 4
        assert "macOS blocks the local network" in answer.stdout
        assert "transport = \"curl\" for judge 'one'" in answer.stdout
        assert "scored after" in answer.stdout
        settings(tmp_path, url, transport="curl")
        assert call("judges", "check").exit_code == 0


def test_signals_need_no_check(call: Call) -> None:
    answer = call("judges", "check")
    assert answer.exit_code == 0
    assert "no language model is configured" in answer.stdout


def test_who_counts(call: Call, tmp_path: Path) -> None:
    settings(tmp_path, "http://127.0.0.1:9")
    answer = call("judges", "list")
    assert "panel default  does not count: it has never been calibrated" in answer.stdout
    (found,) = json.loads(call("judges", "list", "--json").stdout)
    assert found["seats"][0]["counts"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--faults", "bable=0.1"), "there is no fault 'bable'"),
        (("--faults", "babble"), "is not like babble=0.05"),
        (("--latency", "soon"), "is no duration"),
    ],
)
def test_mistakes_of_the_fake(call: Call, arguments: tuple[str, ...], said: str) -> None:
    answer = call("judges", "fake", "--port", "0", *arguments)
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_a_port_that_is_taken(call: Call) -> None:
    with fake() as url:
        answer = call("judges", "fake", "--port", url.rpartition(":")[2])
        assert answer.exit_code == 1
        assert "can't be had" in answer.stderr
