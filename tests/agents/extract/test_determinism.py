"""Extraction is a function of the records and the table, whoever computes it and how often."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.extract import Extracted, Extractor
from schemas import Entry, Turn
from schemas.openclaw_messages import epoch_ms
from schemas.table import MemoryTable, Table
from tests.agents.extract.log import LEAF, TAIL, Log, outputs

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "user",
                "cron",
                "heartbeat",
                "call",
                "call",
                "result",
                "answer",
                "turn",
                "turn",
                "injected",
                "label",
                "compaction",
                "reset",
                "branch",
                "again",
                "quiet",
                "abandoned",
                "ended",
            ]
        ),
        st.sampled_from([1.0, 1.0, 1.0, 61.0, 30_000.0]),
        st.integers(0, 40),
    ),
    max_size=24,
)


def write(actions: list[tuple[str, float, int]], ids: bool) -> list[Entry]:
    """Return a session in which all that happened, in some order."""
    log = Log(ids=ids)
    log.header()
    names: list[str] = []
    for what, after, pick in actions:
        parent: str | None = LEAF
        if what == "branch":
            if not names:
                continue
            parent, what = names[pick % len(names)], ("user", "call", "answer")[pick % 3]
        place: dict[str, Any] = {"after": after, "parent": parent}
        call = f"call_{pick % 3}"
        match what:
            case "user":
                names.append(log.user(f"please {pick}", **place))
            case "cron":
                names.append(log.user(f"[cron:j1 job] run {pick}", **place))
            case "heartbeat":
                text = "Read HEARTBEAT.md if it exists. Else reply HEARTBEAT_OK."
                names.append(log.user(text, **place))
            case "call":
                names.append(log.call(call, **place))
            case "result":
                names.append(log.result(call, text="x" * pick * 30, **place))
            case "answer":
                names.append(log.answer(f"answer {pick}", **place))
            case "turn":
                names.append(log.turn(f"do {pick}", call=call, **place))
            case "injected":
                extra = {"provider": "openclaw", "model": "gateway-injected"}
                names.append(log.answer("note", extra, **place))
            case "label":
                names.append(log.entry("label", targetId="x", **place))
            case "compaction":
                kept = names[pick % len(names)] if names else None
                names.append(
                    log.entry("compaction", summary="so far", firstKeptEntryId=kept, **place)
                )
            case "reset":
                names.append(log.entry("reset", **place))
            case "again":
                again(log, pick)
            case "quiet":
                log.quiet()
            case "abandoned":
                log.quiet(21_600.0)
            case "ended":
                log.ended()
    return log.records


def again(log: Log, pick: int) -> None:
    """Write the last messages again under new ids, as after an oversized tool result."""
    messages = [one.entry for one in log.records if one.entry and "message" in one.entry]
    tail = messages[-(1 + pick % 6) :]
    if not tail or not log.ids:
        return
    parent = tail[0]["parentId"]
    for one in tail:
        parent = log.entry("message", parent=parent, message=one["message"])


def run(
    records: list[Entry], fresh: frozenset[int] = frozenset(), table: Table | None = None
) -> list[Extracted]:
    """Apply records, with a fresh extractor before those at the places in `fresh`."""
    table = table or MemoryTable()
    extractor = Extractor(tail=TAIL)
    found: list[Extracted] = []
    for place, record in enumerate(records):
        if place in fresh:
            extractor = Extractor(tail=TAIL)
        found += extractor.apply(record, table)
    return found


@settings(max_examples=200, deadline=None)
@given(
    actions=ACTIONS,
    ids=st.booleans(),
    fresh=st.frozensets(st.integers(0, 60), max_size=20),
    repeats=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60))),
)
def test_splits_and_repeats_change_nothing(
    actions: list[tuple[str, float, int]],
    ids: bool,
    fresh: frozenset[int],
    repeats: list[tuple[int, int, int]],
) -> None:
    records = write(actions, ids)
    expected = run(records)
    seen: list[Entry] = []
    for place, record in enumerate(records):
        seen.append(record)
        for at, start, length in repeats:
            if at == place:
                seen += records[: place + 1][start : start + length]
    assert outputs(run(seen, fresh)) == outputs(expected)
    assert len({one.id for one in expected}) == len(outputs(expected))


@settings(max_examples=100, deadline=None)
@given(actions=ACTIONS)
def test_a_marker_and_a_silence_are_the_same(actions: list[tuple[str, float, int]]) -> None:
    """Whether the tailer was there when a session was quiet makes no difference."""
    timed = [one for one in actions if one[0] not in ("quiet", "abandoned", "ended")]
    records = write(timed, ids=True)
    marked: list[Entry] = []
    last: int | None = None
    log = Log()
    for record in records:
        entry = record.entry or {}
        if entry.get("type") != "session":
            now = epoch_ms(entry["timestamp"]) or 0
            log.offset = record.origin.offset
            for seconds in (60.0, 21_600.0):
                if last is not None and now - last >= seconds * 1000:
                    log.records.clear()
                    log.quiet(seconds)
                    marked += log.records
            last = now
        marked.append(record)
    assert outputs(run(marked)) == outputs(run(records))


@settings(max_examples=100, deadline=None)
@given(actions=ACTIONS, ids=st.booleans(), start=st.integers(0, 30))
def test_writing_a_conversation_again_makes_no_new_turn(
    actions: list[tuple[str, float, int]], ids: bool, start: int
) -> None:
    """As after an oversized result (from some entry on) or when version 1 gets ids (all)."""
    linear = [one for one in actions if one[0] not in ("branch", "again", "reset", "injected")]
    records = write(linear, ids)
    messages = [one.entry for one in records if one.entry and one.entry["type"] == "message"]
    start = min(start, len(messages)) if ids else 0
    log = Log("r")
    log.ms = epoch_ms(records[-1].entry["timestamp"]) if records[-1].entry else log.ms
    parent = messages[start]["parentId"] if ids and start < len(messages) else None
    for message in messages[start:]:
        parent = log.entry("message", parent=parent, message=message["message"])
    again_records = [
        one.model_copy(update={"origin": one.origin.model_copy(update={"session": "s"})})
        for one in log.records
    ]
    last = Log()
    last.ended()
    once = {one.id for one in run(records + last.records) if isinstance(one, Turn)}
    twice = {one.id for one in run(records + again_records + last.records) if isinstance(one, Turn)}
    assert twice == once
