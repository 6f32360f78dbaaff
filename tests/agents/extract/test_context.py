"""The context is what the assistant could know, in the budget, from old to new."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import Extract
from tests.agents.extract.log import Log


def roles(log: Log, context_chars: int = 8000) -> list[tuple[str, str]]:
    """Return the last turn's context."""
    log.ended()
    turn = log.run(Extract(context_chars=context_chars)).turns[-1]
    return [(message.role, message.text) for message in turn.context]


def test_messages_before_the_turn() -> None:
    log = Log()
    log.user("[Sun 2026-11-22 18:58 UTC] hello")
    log.answer("hi")
    log.entry("custom_message", customType="hook", content="a hook's text", display=True)
    log.message({"role": "bashExecution", "command": "ls", "output": "a b"})
    log.message({"role": "bashExecution", "command": "x", "excludeFromContext": True})
    log.turn("go")
    assert roles(log) == [
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "a hook's text"),
        ("tool", "$ ls\na b"),
    ]


def test_compaction_leaves_its_summary_and_what_it_kept() -> None:
    log = Log()
    log.user("old")
    log.answer("old answer")
    kept = log.user("kept")
    log.answer("kept answer")
    log.entry("compaction", summary="they talked", firstKeptEntryId=kept, tokensBefore=1)
    log.user("later")
    log.answer("later answer")
    log.turn("go")
    assert roles(log) == [
        ("summary", "they talked"),
        ("user", "kept"),
        ("assistant", "kept answer"),
        ("user", "later"),
        ("assistant", "later answer"),
    ]


def test_compaction_that_keeps_from_an_entry_that_says_nothing() -> None:
    log = Log()
    log.user("old")
    label = log.entry("label", targetId="x")
    log.answer("kept")
    log.entry("compaction", summary="sum", firstKeptEntryId=label)
    log.turn("go")
    assert roles(log) == [("summary", "sum"), ("assistant", "kept")]


def test_version_1_names_the_kept_entry_by_its_index() -> None:
    log = Log(ids=False)
    log.line({"type": "session", "id": "s", "timestamp": log.iso()})
    log.user("old")
    log.answer("kept")
    log.entry("compaction", summary="sum", firstKeptEntryIndex=2)
    log.turn("go")
    assert roles(log) == [("summary", "sum"), ("assistant", "kept")]


def test_only_the_latest_compaction_counts() -> None:
    log = Log()
    first = log.user("one")
    log.entry("compaction", summary="first", firstKeptEntryId=first)
    log.answer("two")
    log.entry("compaction", summary="second", firstKeptEntryId=first)
    log.turn("go")
    assert roles(log) == [("summary", "second"), ("user", "one"), ("assistant", "two")]


def test_a_reset_is_not_crossed() -> None:
    log = Log()
    log.user("secret")
    kept = log.answer("kept")
    log.entry("reset", firstKeptEntryId=kept)
    log.turn("go")
    assert roles(log) == [("assistant", "kept")]


def test_a_branch_summary_is_a_summary() -> None:
    log = Log()
    log.user("one")
    log.entry("branch_summary", fromId="x", summary="left a branch")
    log.turn("go")
    assert roles(log) == [("user", "one"), ("summary", "left a branch")]


def test_another_branch_is_not_in_the_context() -> None:
    log = Log()
    log.user("one")
    fork = log.answer("two")
    log.user("wrong")
    log.turn("go", parent=fork)
    assert roles(log) == [("user", "one"), ("assistant", "two")]


def test_no_budget_no_context() -> None:
    log = Log()
    log.user("one")
    log.turn("go")
    assert roles(log, 0) == []


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 900), max_size=12),
    budget=st.integers(0, 2000),
    compact=st.integers(-1, 12),
)
def test_the_budget_holds(sizes: list[int], budget: int, compact: int) -> None:
    log = Log()
    for at, size in enumerate(sizes):
        if at == compact:
            log.entry("compaction", summary="s" * size, firstKeptEntryId=log.leaf)
        log.user(f"{at}" + "u" * size)
        log.answer(f"{at}" + "a" * size)
    log.turn("go")
    context = roles(log, budget)
    assert sum(len(text) for _, text in context) <= budget
    if context and budget > 400:
        assert context[-1][1].startswith(str(len(sizes) - 1))
