"""Real session files of OpenClaw 2026.3.13 and 2026.9.6, and how they are told."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.extract import FileExtract, extract_file
from agents.extract.files import session_of
from tests.agents.extract.log import Log

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sessions"
AGENTS = FIXTURES / "openclaw-2026.3.13" / "agents"
RESET = "10ab6d24-211e-4ed9-a64a-70d55a954928.jsonl.reset.2026-11-22T18-58-41.591Z"

GOLDEN: dict[str, list[tuple[Any, ...]]] = {
    "gw/sessions/10ab6d24-211e-4ed9-a64a-70d55a954928.jsonl.bak.2026-11-22T18-58-37.153Z": [
        ("019968f7", "user", "please do the multi thing", "cli", "user", [0, 1], 1),
        ("db8fbb7b", "user", "now run one tool please", "", "quiet", [0], 0),
    ],
    f"gw/sessions/{RESET}": [("db8fbb7b", "user", "now run one tool please", "", "ended", [0], 0)],
    "gw/sessions/29c19503-69ec-4ef1-aad3-15033974ff52.jsonl.reset.2026-11-22T18-59-14.224Z": [
        ("200b4994", "user", "one tool after reset", "cli", "ended", [0], 0)
    ],
    "gw/sessions/4b2a08b1-6be8-461e-a1ca-99f503e16727.jsonl": [
        ("0bc5df1f", "system", "A new session was started", "", "user", [0], 0),
        ("4ad6c5c4", "user", "please spawnit", "cli", "user", [], 0),
        ("767871ad", "announce", "OpenClaw runtime context", "", "quiet", [0], 0),
    ],
    "gw/sessions/63265c7b-9911-4b34-ad39-1ae652401281.jsonl": [
        ("fe342225", "subagent", "run one tool as child", "", "quiet", [0], 0)
    ],
    "gw/sessions/93c1a0b1-a508-4da5-8cbf-856bda56fc1b.jsonl.deleted.2026-11-22T18-59-01.706Z": [
        ("2b577c42", "user", "one tool in side", "cli", "ended", [0], 0)
    ],
    "gw/sessions/fe228fbb-b780-4318-a85f-d244bce4948e.jsonl": [
        ("648a8773", "cron", "cron says run one tool", "", "quiet", [0], 0)
    ],
    "main/sessions/s-multi-1.jsonl": [
        ("f5e25c5e", "user", "please do the multi thing", "", "user", [0, 1], 1),
        ("38d90711", "user", "please do the multi thing", "", "user", [0, 1], 1),
        ("9e44ea17", "user", "now run one tool please", "", "user", [0], 0),
        ("ea074427", "user", "produce big output", "", "user", [0], 0),
    ],
}


def told(extract: FileExtract) -> list[tuple[Any, ...]]:
    """Return what is compared of each turn."""
    return [
        (
            turn.id[:8],
            turn.trigger,
            turn.request,
            turn.sender,
            turn.closed_by,
            [result.exit_code for result in turn.results if result.exit_code is not None],
            sum(result.orphan for result in turn.results),
        )
        for turn in extract.turns
    ]


def test_every_file_is_golden() -> None:
    files = {str(path.relative_to(AGENTS)) for path in AGENTS.glob("*/sessions/*.jsonl*")}
    assert files == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    extract = extract_file(AGENTS / name)
    found = told(extract)
    assert len(found) == len(GOLDEN[name])
    for real, expected in zip(found, GOLDEN[name], strict=True):
        assert real[2].startswith(expected[2])
        assert (*real[:2], *real[3:]) == (*expected[:2], *expected[3:])
    assert extract.deadletters == ()
    for turn in extract.turns:
        assert turn.agent == name.split("/")[0]
        assert turn.answer
        assert turn.model == "fake-1"
        assert turn.usage.input == 1000 * len(turn.decisions)
        assert type(turn).from_bytes(turn.to_bytes()) == turn


def test_places_are_those_of_the_lines() -> None:
    path = AGENTS / "main" / "sessions" / "s-multi-1.jsonl"
    data = path.read_bytes()
    for turn in extract_file(path).turns:
        first = orjson.loads(data[turn.place.first_offset :].split(b"\n", 1)[0])
        last = orjson.loads(data[turn.place.last_offset :].split(b"\n", 1)[0])
        assert first["message"]["role"] == "user"
        assert last["message"]["content"][-1]["text"] == turn.answer


def test_a_457_kilobyte_line_is_cut() -> None:
    big = extract_file(AGENTS / "main" / "sessions" / "s-multi-1.jsonl").turns[-1]
    (result,) = big.results
    assert len(result.text) <= 64_000
    assert result.omitted_chars > 100_000
    assert len(big.to_bytes()) < 80_000


def test_explanations_of_a_real_file() -> None:
    extract = extract_file(AGENTS / "gw" / "sessions" / RESET)
    assert [(one.offset, one.entry_id, one.reason) for one in extract.explanations] == [
        (602, "22ee47e4", "injected by OpenClaw: no model wrote it"),
        (0, "2a931114", "orphan assistant message: its user message is not in the file"),
    ]
    chats = extract_file(AGENTS / "main" / "sessions" / "s-multi-1.jsonl").explanations
    assert [(one.entry_id, one.reason) for one in chats] == [
        ("e204fc21", "no tool call in this turn"),
        ("f7078dfe", "no tool call in this turn"),
        ("ab1b8997", "no tool call in this turn"),
    ]


@pytest.mark.parametrize(("session", "turns"), [("s-multi-1", 0), ("s-multi-2", 2), ("s-big-1", 0)])
def test_version_4_rows(tmp_path: Path, session: str, turns: int) -> None:
    """OpenClaw 2026.9.6 keeps entries in SQLite rows; the compressed ones are not in this test."""
    store = FIXTURES / "openclaw-2026.9.6" / "openclaw-agent.sqlite"
    with sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True) as rows:
        lines = rows.execute(
            "SELECT event_json FROM transcript_events WHERE session_id = ? "
            "AND event_json IS NOT NULL ORDER BY seq",
            (session,),
        ).fetchall()
    path = tmp_path / f"{session}.jsonl"
    path.write_text("".join(f"{line}\n" for (line,) in lines))
    extract = extract_file(path)
    assert extract.deadletters == ()
    assert all(turn.request_raw == turn.request for turn in extract.turns)
    if session == "s-big-1":
        assert [turn.closed_by for turn in extract.turns] == ["branch"]
        return
    assert len(extract.turns) == turns
    if turns:
        multi = extract.turns[0]
        assert [result.orphan for result in multi.results] == [False] * 5 + [True]
        assert [r.exit_code for r in multi.results if r.name == "exec"] == [0, 1]
        assert not any(turn.silent for turn in extract.turns)


def test_bad_lines_are_dead_letters(tmp_path: Path) -> None:
    path = tmp_path / "agents" / "main" / "sessions" / "x.jsonl"
    path.parent.mkdir(parents=True)
    good = (AGENTS / "main" / "sessions" / "s-multi-1.jsonl").read_bytes().splitlines(True)[:15]
    path.write_bytes(b"{oops\n" + b"".join(good) + b"\n[1]\n\xff\xfe\n" + b'{"type": "mess')
    extract = extract_file(path)
    assert len(extract.turns) == 1
    size = sum(map(len, good))
    assert [int(letter.position) for letter in extract.deadletters] == [
        0,
        6 + size + 1,
        6 + size + 5,
        6 + size + 8,
    ]
    assert [letter.encoding for letter in extract.deadletters] == [
        "utf-8",
        "utf-8",
        "base64",
        "utf-8",
    ]
    assert extract.deadletters[1].reason == "not a JSON object"


def test_names() -> None:
    assert session_of("abc.jsonl") == "abc"
    assert session_of("abc-topic-12%3A3.jsonl") == "abc"
    assert session_of("2026-01-02T10-00-00-123Z_abc-def.jsonl") == "abc-def"


def test_an_open_turn_is_explained(tmp_path: Path) -> None:
    lines = (AGENTS / "main" / "sessions" / "s-multi-1.jsonl").read_bytes().splitlines(True)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(lines[:7]))
    (one,) = extract_file(path).explanations
    assert one.reason == "closed as it stands: waits for the tool result of call call_5_1"


def test_a_compacted_file_repeats_lines_of_its_backup() -> None:
    """`sessions.compact` renamed the file to `.bak` and began anew with its last raw lines."""
    log = Log("10ab6d24-211e-4ed9-a64a-70d55a954928")
    backup = "10ab6d24-211e-4ed9-a64a-70d55a954928.jsonl.bak.2026-11-22T18-58-37.153Z"
    for name in (backup, RESET):
        log.offset = 0
        for line in (AGENTS / "gw" / "sessions" / name).read_bytes().splitlines():
            log.line(orjson.loads(line))
    log.ended()
    run = log.run()
    assert [turn.id[:8] for turn in run.turns] == ["019968f7", "db8fbb7b"]
    assert [turn.closed_by for turn in run.turns] == ["user", "ended"]
    assert "orphan" not in " ".join(run.reasons)
