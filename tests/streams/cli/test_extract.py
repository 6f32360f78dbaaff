"""`clawback extract` shows turns without any broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from schemas.turn import Turn
from tests.streams.cli.conftest import FIXTURES

Call = Callable[..., Result]


def test_turns_as_json_one_a_line(call: Call) -> None:
    answer = call("extract", "--json", FIXTURES)
    assert answer.exit_code == 0
    turns = [Turn.from_bytes(line.encode()) for line in answer.stdout.splitlines()]
    assert len(turns) > 10
    assert len({turn.id for turn in turns}) == len(turns)
    assert all(turn.calls or turn.results for turn in turns)
    assert f"{len(turns)} turns in 8 files" in answer.stderr


def test_turns_for_people(call: Call) -> None:
    answer = call("extract", FIXTURES / "agents/main/sessions/s-multi-1.jsonl")
    assert answer.exit_code == 0
    assert "please do the multi thing" in answer.stdout
    assert "5 calls, 1 failed: exec×2 write read edit" in answer.stdout
    assert "turns in 1 files" in answer.stderr


def test_what_is_no_turn_is_explained_apart_from_the_data(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    user = {"role": "user", "content": "hi", "timestamp": 1}
    answer = {"role": "assistant", "content": [{"type": "text", "text": "hello"}], "timestamp": 2}
    lines = [
        {"type": "session", "version": 3, "id": "s", "timestamp": "2026-01-01T00:00:00Z"},
        {"type": "message", "id": "a", "parentId": None, "message": user},
        {"type": "message", "id": "b", "parentId": "a", "message": answer},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{broken\n")
    shown = call("extract", "--json", "--explain", file)
    assert shown.exit_code == 0
    assert shown.stdout == ""
    assert "no tool call in this turn" in shown.stderr
    assert "not readable at byte" in shown.stderr
    assert "0 turns in 1 files, 1 lines not readable" in shown.stderr
    assert "no tool call in this turn" in call("extract", "--explain", file).stdout


def test_only_transcripts_of_a_directory_are_read(call: Call, tmp_path: Path) -> None:
    sessions = tmp_path / "oc/agents/main/sessions"
    sessions.mkdir(parents=True)
    for name in ("a.jsonl", "b.jsonl.reset.2026-11-22T18-59-14.224Z", "a.trajectory.jsonl"):
        (sessions / name).touch()
    (tmp_path / "oc/cron").mkdir()
    (tmp_path / "oc/cron/c.jsonl").touch()
    assert "in 2 files" in call("extract", tmp_path / "oc").stderr


def test_what_is_not_there_is_said(call: Call, tmp_path: Path) -> None:
    answer = call("extract", "no.jsonl")
    assert answer.exit_code == 1
    assert answer.stderr == "clawback: no.jsonl is not there\n"
    (tmp_path / "empty").mkdir()
    answer = call("extract", "empty")
    assert answer.exit_code == 1
    assert "no session files in empty" in answer.stderr
    assert call("extract").exit_code == 2
