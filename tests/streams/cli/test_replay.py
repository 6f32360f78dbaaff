"""`clawback replay`, `panels` and `deadletters` as a user calls them, on a line that has run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from agents.ensemble import edition
from agents.judges.signals import SignalsJudge
from schemas.deadletter import DeadLetter, deadletter_id
from schemas.settings import Settings
from schemas.topics import CANDIDATES, DEADLETTERS, JUDGEMENTS
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Outgoing
from streams.replay.join import join
from streams.settings import load
from tests.support.turns import make_turn

Call = Callable[..., Result]

TOML = """\
[paths]
home = "{root}/state"
output = "{root}/output"
openclaw = ["{root}/openclaw"]

[[judges]]
kind = "signals"
name = "a"
strict_on = "errors"

[[judges]]
kind = "signals"
name = "b"
strict_on = "reaction"

[[judges]]
kind = "signals"
name = "c"
strict_on = "efficiency"

[[panels]]
name = "default"
judges = ["a", "b"]

[[panels]]
name = "next"       # the new one
judges = ["b", "c"]

[sinks]
panel = "default"   # feeds pairs
"""
TURNS = [make_turn(number, calls=1 + number % 4, failed=number % 3) for number in range(12)]


@pytest.fixture
def settings(call: Call, tmp_path: Path) -> Settings:  # noqa: ARG001 - empties the environment
    """A home in which the panel `default` has judged and joined, and `next` has not."""
    file = tmp_path / "clawback.toml"
    file.write_text(TOML.format(root=tmp_path))
    made = load(file)
    asyncio.run(_fill(made))
    return made


async def _fill(settings: Settings) -> None:
    broker = EmbeddedBroker(log_path(settings), settings)
    broker.ensure_topics()
    judges = [SignalsJudge(judge) for judge in settings.judges[:2] if judge.kind == "signals"]
    await broker.publish([Outgoing(CANDIDATES, t.id.encode(), t.to_bytes()) for t in TURNS])
    said = [judge.judge_now(turn) for turn in TURNS for judge in judges]
    await broker.publish([Outgoing(JUDGEMENTS, j.turn_id.encode(), j.to_bytes()) for j in said])
    await join(broker, settings, edition(settings.panels[0], settings.judges))
    letter = DeadLetter(
        id=deadletter_id("judge.a", "clawback.candidates", "0:0", "why"),
        stage="judge.a",
        source="clawback.candidates",
        position="0:0",
        reason="once it could not be read",
        raw="{",
    )
    await broker.publish([Outgoing(DEADLETTERS, b"k", letter.to_bytes())])
    broker.close()


def test_a_dry_run_tells_the_cost_and_does_nothing(call: Call, settings: Settings) -> None:
    answer = call("replay", "--panel", "next", "--dry-run", "--json")
    assert answer.exit_code == 0
    plan = json.loads(answer.stdout)
    assert (plan["selected"], plan["calls"]) == (12, 12)
    assert [(each["judge"], each["reused"], each["calls"]) for each in plan["judges"]] == [
        ("b", 12, 0),
        ("c", 0, 12),
    ]
    shown = call("replay", "--panel", "next", "--dry-run", "--where", "failed > 0")
    assert "8 of 12 turns selected" in shown.stderr
    assert not list((settings.paths.home / "replay").glob("*.json"))


@pytest.mark.usefixtures("settings")
def test_a_panel_is_replayed_compared_and_promoted(call: Call, tmp_path: Path) -> None:
    done = call("replay", "--panel", "next", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "12 judgements made" in done.stdout
    assert "next: `clawback panels compare default next`" in done.stdout
    listed = {row["panel"]: row for row in json.loads(call("panels", "list", "--json").stdout)}
    assert {name.partition("@")[0] for name in listed} == {"default", "next"}
    assert all(sum(row["classes"].values()) == 12 for row in listed.values())
    page = tmp_path / "page.html"
    compared = call("panels", "compare", "default", "next", "--json", "--html", page)
    assert compared.exit_code == 0
    found = json.loads(compared.stdout)
    assert found["turns"] == 12
    assert found["same_class"] + len(found["changes"]) == 12
    assert all(change["why"] and change["request"] for change in found["changes"])
    assert page.read_text().startswith("<!doctype html>")

    before = (tmp_path / "clawback.toml").read_text()
    promoted = call("panels", "promote", "next")
    assert "next feeds the sinks now" in promoted.stdout
    assert 'panel = "next"   # feeds pairs' in (tmp_path / "clawback.toml").read_text()
    assert "already" in call("panels", "promote", "next").stdout
    assert "default feeds the sinks again" in call("panels", "rollback").stdout
    assert (tmp_path / "clawback.toml").read_text() == before
    assert call("panels", "rollback").exit_code == 1


def test_a_replay_that_was_stopped_is_resumed(call: Call, settings: Settings) -> None:
    assert call("replay", "--resume").exit_code == 1
    done = call("replay", "--panel", "next", "--yes", "--json", "--session", "s-")
    assert json.loads(done.stdout)["judged"] == 12
    (file,) = (settings.paths.home / "replay").glob("*.json")
    job = json.loads(file.read_text())
    assert job["state"] == "done"
    assert call("replay", "--resume").exit_code == 1
    # As a kill leaves it.
    file.write_text(json.dumps({**job, "state": "paused"}))
    again = call("replay", "--resume", "--json")
    assert json.loads(again.stdout)["judged"] == 0
    file.write_text(json.dumps({**job, "state": "paused", "label": "next@00000000"}))
    changed = call("replay", "--resume")
    assert changed.exit_code == 1
    assert "has changed since" in changed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("replay",), 2, "--panel NAME is missing; there are: default, next"),
        (("replay", "--panel", "none"), 2, "no panel is called 'none'"),
        (("replay", "--panel", "next"), 2, "add --yes"),
        (("replay", "--panel", "next", "--where", "nope = 1"), 2, "no field 'nope'"),
        (("replay", "--panel", "next", "--since", "soon"), 2, "is no time"),
        (("replay", "--resume", "--panel", "next"), 2, "takes no selection"),
        (("replay", "--panel", "next", "--lineage", "x"), 2, "go with --from entries"),
        (("replay", "--from", "entries"), 2, "needs --lineage NAME"),
        (("replay", "--from", "entries", "--lineage", "../x"), 2, "make a name"),
        (("panels", "compare", "default", "next"), 1, "nothing to compare"),
        (("panels", "promote", "none"), 2, "no panel is called 'none'"),
        (("deadletters", "show", "zz"), 1, "there is no dead letter 'zz'"),
        (("deadletters", "retry"), 2, "name dead letters, or take --all"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_mistakes_are_told_in_a_line(
    call: Call, arguments: tuple[str, ...], code: int, told: str
) -> None:
    answer = call(*arguments)
    assert answer.exit_code == code
    assert told in answer.stderr


@pytest.mark.usefixtures("settings")
def test_the_environment_wins_over_a_promotion(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAWBACK_SINKS__PANEL", "default")
    answer = call("panels", "promote", "next")
    assert answer.exit_code == 1
    assert "CLAWBACK_SINKS__PANEL is set and wins" in answer.stderr


def test_a_changed_panel_keeps_what_it_said_before(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "clawback.toml"
    old = edition(settings.panels[0], settings.judges).label
    file.write_text(file.read_text().replace('["a", "b"]', '["a", "c"]'))
    assert call("replay", "--panel", "default", "--yes").exit_code == 0
    rows = json.loads(call("panels", "list", "--json").stdout)
    assert [row["current"] for row in rows if row["panel"].startswith("default@")] == [True, False]
    compared = call("panels", "compare", old, "default", "--json")
    assert json.loads(compared.stdout)["turns"] == 12


@pytest.mark.usefixtures("settings")
def test_dead_letters_are_listed_shown_and_read_again(call: Call) -> None:
    (row,) = json.loads(call("deadletters", "list", "--json").stdout)
    assert row["reason"] == "once it could not be read"
    shown = call("deadletters", "show", row["id"][:6])
    assert shown.stdout == "{\n"
    assert "judge.a could not read clawback.candidates 0:0" in shown.stderr
    done = call("deadletters", "retry", "--all")
    assert done.exit_code == 0
    assert "1 of 1 resolved" in done.stderr
    assert json.loads(call("deadletters", "list", "--json").stdout) == []
    (row,) = json.loads(call("deadletters", "list", "--all", "--json").stdout)
    assert row["resolved"]
