"""Reading again what could not be read, and marking what could."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from schemas.deadletter import DeadLetter, deadletter_id
from schemas.entry import Entry
from schemas.settings import Settings
from schemas.settings import Tail as TailSettings
from schemas.tool import ToolDefinition, ToolOffer, read_tool
from schemas.topics import CANDIDATES, DEADLETTERS, ENTRIES, TOOLS
from schemas.turn import Turn
from streams.broker import EmbeddedBroker
from streams.deadletters.reading import Letter, NoSuchLetter, find_letter, read_letters
from streams.deadletters.retry import StillUnreadable, retry
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.tail.lines import Line
from streams.tail.records import Records
from tests.support.turns import make_turn


async def read(broker: EmbeddedBroker, settings: Settings, topic: str) -> list[bytes]:
    return [
        record.value or b""
        for number in range(partitions(broker, topic, settings))
        async for record in scan(broker, topic, number)
    ]


async def letter(broker: EmbeddedBroker, stage: str, source: str, position: str) -> Letter:
    made = DeadLetter(
        id=deadletter_id(stage, source, position, "why"),
        stage=stage,
        source=source,
        position=position,
        reason="why",
        raw="{",
    )
    await broker.publish([Outgoing(DEADLETTERS, b"key", made.to_bytes())])
    return Letter(b"key", 0, made)


async def place(broker: EmbeddedBroker, settings: Settings, topic: str, value: bytes) -> str:
    """Publish a record and return where it stands."""
    await broker.publish([Outgoing(topic, b"k", value)])
    for number in range(partitions(broker, topic, settings)):
        async for record in scan(broker, topic, number):
            if record.value == value:
                return f"{number}:{record.offset}"
    raise AssertionError(topic)


async def test_a_topics_record_that_can_be_read_now_goes_through_again(
    broker: EmbeddedBroker, settings: Settings
) -> None:
    value = make_turn().to_bytes()
    at = await place(broker, settings, CANDIDATES, value)
    lost = await letter(broker, "judge.a", "clawback.candidates", at)
    await retry(lost, broker, settings)
    assert await read(broker, settings, CANDIDATES) == [value, value]
    (now,) = await read_letters(broker, settings)
    assert (now.record.id, now.record.resolved, now.record.raw) == (lost.record.id, True, "")


async def test_what_still_can_not_be_read_stays(broker: EmbeddedBroker, settings: Settings) -> None:
    at = await place(broker, settings, CANDIDATES, b'{"id":1}')
    lost = await letter(broker, "judge.a", "clawback.candidates", at)
    with pytest.raises(StillUnreadable, match="id: Input should be a valid string"):
        await retry(lost, broker, settings)
    assert len(await read(broker, settings, CANDIDATES)) == 1
    assert not (await read_letters(broker, settings))[0].record.resolved


@pytest.mark.parametrize(
    ("position", "told"),
    [("0:77", "is gone"), ("9:0", "no partition 9"), ("here", "no place"), ("-1:0", "no place")],
)
async def test_a_place_that_is_none_is_told(
    broker: EmbeddedBroker, settings: Settings, position: str, told: str
) -> None:
    lost = await letter(broker, "judge.a", "clawback.candidates", position)
    with pytest.raises(StillUnreadable, match=told):
        await retry(lost, broker, settings)


async def test_a_letter_that_comes_again_is_open_again(
    broker: EmbeddedBroker, settings: Settings
) -> None:
    at = await place(broker, settings, CANDIDATES, make_turn().to_bytes())
    lost = await letter(broker, "judge.a", "clawback.candidates", at)
    await retry(lost, broker, settings)
    await letter(broker, "judge.a", "clawback.candidates", at)
    (now,) = await read_letters(broker, settings)
    assert not now.record.resolved


def session_file(root: Path, name: str = "s-1.jsonl") -> Path:
    path = root / "agents" / "main" / "sessions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


async def tail_letter(broker: EmbeddedBroker, path: Path, offset: int) -> Letter:
    return await letter(broker, "tail", str(path), str(offset))


async def test_a_line_is_read_where_it_stands_and_as_the_tailer_reads_it(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path
) -> None:
    path = session_file(tmp_path)
    path.write_bytes(b'{"type":"session"}\n{"n":"' + b"x" * 2_000 + b'"}\nrest')
    lost = await tail_letter(broker, path, 19)
    short = settings.model_copy(update={"tail": TailSettings(max_line_bytes=1_024)})
    with pytest.raises(StillUnreadable, match=r"longer than 1024 bytes \(tail.max_line_bytes\)"):
        await retry(lost, broker, short)
    await retry(lost, broker, settings)
    (value,) = await read(broker, settings, ENTRIES)
    records = Records(
        source=str(path),
        file="agents/main/sessions/s-1.jsonl",
        agent="main",
        session="s-1",
        inode=path.stat().st_ino,
    )
    line = path.read_bytes().split(b"\n")[1]
    expected = records.of_line(Line(19, len(line) + 1, line), 10_000)
    assert expected is not None
    assert value == expected.value
    assert Entry.from_bytes(value).origin.offset == 19


async def test_what_a_trajectory_offers_is_read_again_too(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path
) -> None:
    path = session_file(tmp_path, "s-1.trajectory.jsonl")
    tool = {"name": "exec", "description": "Runs.", "parameters": {"type": "object"}}
    event = {"type": "context.compiled", "ts": "then", "data": {"tools": [tool]}}
    path.write_bytes(orjson.dumps(event) + b"\n")
    lost = await tail_letter(broker, path, 0)
    with pytest.raises(StillUnreadable, match="no time"):
        await retry(lost, broker, settings)
    path.write_bytes(orjson.dumps(event | {"ts": "2026-03-01T10:00:00.000Z"}) + b"\n")
    await retry(lost, broker, settings)
    definition, offer = map(read_tool, await read(broker, settings, TOOLS))
    assert isinstance(definition, ToolDefinition)
    assert offer == ToolOffer.of("main", "s-1", 1_772_359_200_000, (definition.id,))


async def test_a_line_in_a_file_that_was_put_away_is_found(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path
) -> None:
    path = session_file(tmp_path)
    session_file(tmp_path, "s-1.jsonl.reset.2026-03-01T10-00-00.000Z").write_bytes(b'{"a":1}\n')
    await retry(await tail_letter(broker, path, 0), broker, settings)
    (value,) = await read(broker, settings, ENTRIES)
    assert orjson.loads(value)["origin"]["file"] == "agents/main/sessions/s-1.jsonl"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{broken\n", "not valid JSON"),
        (b"\n", "blank"),
        (b'{"unfinished":', "no line at byte 0"),
        (None, "no line at byte 0"),
    ],
)
async def test_a_line_that_is_no_better_stays(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = session_file(tmp_path)
    if content is not None:
        path.write_bytes(content)
    lost = await tail_letter(broker, path, 0)
    with pytest.raises(StillUnreadable, match=told):
        await retry(lost, broker, settings)


async def test_a_place_inside_a_line_is_not_read(
    broker: EmbeddedBroker, settings: Settings, tmp_path: Path
) -> None:
    path = session_file(tmp_path)
    path.write_bytes(b'{"a":{"b":1}}\n')
    with pytest.raises(StillUnreadable, match="no line at byte 5"):
        await retry(await tail_letter(broker, path, 5), broker, settings)


async def test_an_entry_goes_through_extraction_again(
    broker: EmbeddedBroker, settings: Settings
) -> None:
    message = {
        "type": "message",
        "id": "e1",
        "parentId": None,
        "timestamp": "2026-03-01T10:00:00.000Z",
        "message": {"role": "user", "content": "hello", "timestamp": 1_772_359_200_000},
    }
    file = "agents/main/sessions/s.jsonl"
    records = Records(source="/x", file=file, agent="main", session="s", inode=1)
    line = orjson.dumps(message)
    made = records.of_line(Line(7, len(line) + 1, line), 10_000)
    assert made is not None
    await broker.publish([made])
    lost = await letter(broker, "extract", "agents/main/sessions/s.jsonl", "7")
    await retry(lost, broker, settings)
    assert await read(broker, settings, ENTRIES) == [made.value, made.value]
    gone = await letter(broker, "extract", "agents/main/sessions/s.jsonl", "8")
    with pytest.raises(StillUnreadable, match="no entry"):
        await retry(gone, broker, settings)


def test_the_beginning_of_an_id_is_enough() -> None:
    letters = [
        Letter(b"", 0, DeadLetter(id=name, stage="s", source="x", position="0", reason="r"))
        for name in ("aa1", "aa2", "b")
    ]
    assert find_letter(letters, "b").record.id == "b"
    with pytest.raises(NoSuchLetter, match="several dead letters begin with 'aa': aa1, aa2"):
        find_letter(letters, "aa")
    with pytest.raises(NoSuchLetter, match="no dead letter 'c'"):
        find_letter(letters, "c")


def test_a_turn_reads_back() -> None:
    assert Turn.from_bytes(make_turn().to_bytes()) == make_turn()
