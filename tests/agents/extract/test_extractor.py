"""When turns close, what belongs to them, and what OpenClaw does to its files meanwhile."""

from __future__ import annotations

import pytest

from agents.extract import Extractor
from schemas import DeadLetter, turn_id
from schemas.settings import Extract
from schemas.table import MemoryTable
from tests.agents.extract.log import Log

HEARTBEAT = "Read HEARTBEAT.md if it exists. If nothing needs attention, reply HEARTBEAT_OK."


def test_the_next_message_closes_a_turn_and_is_its_reaction() -> None:
    log = Log()
    log.header()
    log.turn("list the files")
    log.user("no, the hidden ones too")
    run = log.run()
    (turn,) = run.turns
    assert turn.closed_by == "user"
    assert turn.request == "list the files"
    assert turn.answer == "done"
    assert [call.id for call in turn.calls] == ["c1"]
    assert turn.reaction is not None
    assert turn.reaction.text == "no, the hidden ones too"
    assert run.reactions == [turn.reaction]
    assert turn.usage.input == 20
    assert turn.usage.cost == 1.0
    assert turn.started_ms == log.ms - 4010
    assert turn.ended_ms == log.ms - 1000


def test_a_turn_without_a_call_is_not_published() -> None:
    log = Log()
    log.user("hello")
    log.answer("hi")
    log.user("bye")
    log.ended()
    run = log.run()
    assert run.found == []
    assert run.reasons == ["no tool call in this turn", "no answer to this message"]


def test_an_open_turn_waits() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.quiet()
    assert log.run().turns == []
    log.result("c1")
    log.quiet(90)
    assert log.run().turns == []


def test_quiet_closes_a_complete_turn() -> None:
    log = Log()
    log.turn("go")
    log.quiet()
    (turn,) = log.run().turns
    assert turn.closed_by == "quiet"
    assert turn.reaction is None


def test_a_long_silence_closes_what_waits_for_a_tool() -> None:
    log = Log()
    log.user("go")
    log.call("c1", "c2")
    log.result("c2")
    log.quiet(21_600)
    run = log.run()
    (turn,) = run.turns
    assert turn.closed_by == "quiet"
    assert [result.call_id for result in turn.results] == ["c2"]
    assert run.reasons == ["closed as it stands: waits for the tool result of call c1"]


@pytest.mark.parametrize(("seconds", "closed_by"), [(1, "ended"), (100_000, "quiet")])
def test_a_session_put_away_after_a_silence_was_quiet_first(seconds: int, closed_by: str) -> None:
    log = Log()
    log.turn("hello")
    log.ended(log.ms + seconds * 1000)
    (turn,) = log.run().turns
    assert turn.closed_by == closed_by


def test_an_ended_session_closes_everything() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.ended()
    (turn,) = log.run().turns
    assert turn.closed_by == "ended"
    assert turn.answer == ""


def test_a_silence_between_entries_is_a_quiet_marker() -> None:
    log = Log()
    log.turn("go")
    log.user("thanks", after=60)
    run = log.run()
    (turn,) = run.turns
    assert turn.closed_by == "quiet"
    assert turn.reaction is None
    (reaction,) = run.reactions
    assert reaction.turn_id == turn.id
    assert reaction.text == "thanks"


def test_only_the_first_words_after_a_turn_are_its_reaction() -> None:
    log = Log()
    log.turn("go")
    log.user("thanks", after=60)
    log.answer("welcome")
    log.user("and the weather?")
    assert [one.text for one in log.run().reactions] == ["thanks"]


def test_heartbeats_and_cron_are_no_reaction_and_heartbeats_get_none() -> None:
    log = Log()
    log.turn("go")
    log.turn(HEARTBEAT, call="h1")
    log.user("good work")
    run = log.run()
    first, beat = run.turns
    assert (first.trigger, beat.trigger) == ("user", "heartbeat")
    assert first.closed_by == beat.closed_by == "user"
    assert first.reaction is None
    assert beat.reaction is None
    assert [(one.turn_id, one.text) for one in run.reactions] == [(first.id, "good work")]


def test_a_cron_turn_gets_the_reaction() -> None:
    log = Log()
    log.turn("go")
    log.turn("[cron:j1 news] read the news", call="n1")
    log.user("what is this?")
    run = log.run()
    assert [turn.request for turn in run.turns] == ["go", "read the news"]
    assert [one.turn_id for one in run.reactions] == [run.turns[1].id]


def test_going_on_after_a_quiet_close_makes_a_part_of_its_own() -> None:
    log = Log()
    log.turn("watch the build")
    log.quiet()
    log.call("c2")
    log.result("c2")
    log.answer("it passed")
    log.quiet()
    log.call("c3")
    log.result("c3")
    log.answer("deployed")
    log.user("great")
    first, second, third = log.run().turns
    assert first.continues is None
    assert second.continues == third.continues == first.id
    assert second.request == third.request == "watch the build"
    assert [call.id for call in third.calls] == ["c3"]
    assert third.reaction is not None
    assert third.reaction.turn_id == third.id


def test_text_after_a_quiet_close_is_explained() -> None:
    log = Log()
    log.turn("go")
    log.quiet()
    log.answer("by the way")
    log.user("ok")
    run = log.run()
    assert len(run.turns) == 1
    assert run.reasons == ["came after its turn was closed, and has no tool call of its own"]


def test_another_branch_closes_the_one_that_was_left() -> None:
    log = Log()
    log.turn("first")
    fork = log.leaf
    log.turn("wrong way", call="c2")
    log.turn("better way", call="c3", parent=fork)
    log.ended()
    run = log.run()
    assert [(turn.request, turn.closed_by) for turn in run.turns] == [
        ("first", "user"),
        ("wrong way", "branch"),
        ("better way", "ended"),
    ]
    assert "wrong way" not in str(run.turns[2].context)
    assert [one.text for one in run.reactions] == ["wrong way", "better way"]
    assert {one.turn_id for one in run.reactions} == {run.turns[0].id}


def test_an_answer_given_anew_shares_what_was_before_it() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    shared = log.result("c1")
    log.call("c2")
    log.result("c2")
    log.call("c3", parent=shared)
    log.result("c3")
    log.answer("done")
    log.ended()
    old, new = log.run().turns
    assert [call.id for call in old.calls] == ["c1", "c2"]
    assert old.closed_by == "branch"
    assert [call.id for call in new.calls] == ["c1", "c3"]
    assert new.continues is None


def test_going_back_to_a_branch_that_was_left() -> None:
    log = Log()
    log.user("go")
    end = log.call("c1")
    log.turn("other", call="c2", parent=None)
    log.result("c1", parent=end)
    log.call("c3")
    log.ended()
    first, other, more = log.run().turns
    assert (first.closed_by, other.closed_by) == ("branch", "branch")
    assert more.continues == first.id
    assert more.results[0].orphan


def test_a_heartbeat_that_is_taken_back_is_a_branch() -> None:
    """OpenClaw 2026.3.13 cuts a heartbeat with nothing to say off the file again."""
    log = Log()
    log.turn("go")
    end = log.leaf
    log.user(HEARTBEAT)
    log.answer("HEARTBEAT_OK")
    log.user("nice", parent=end)
    run = log.run()
    assert [turn.request for turn in run.turns] == ["go"]
    assert run.turns[0].closed_by == "user"
    assert [one.text for one in run.reactions] == ["nice"]
    assert run.reasons == ["no tool call in this turn"]


def test_an_oversized_result_written_again_is_one_turn() -> None:
    """The leaf moves to before the result; everything after it comes again with new ids."""
    log = Log()
    log.user("go")
    called = log.call("c1", "c2")
    ms = log.ms
    log.result("c1", "y" * 500, {"timestamp": ms + 1})
    log.result("c2", "fine", {"timestamp": ms + 2})
    log.assistant([], "error", {"errorMessage": "context overflow"})
    log.result("c1", "y [truncated]", {"timestamp": ms + 1}, parent=called)
    log.result("c2", "fine", {"timestamp": ms + 2})
    log.call("c3")
    log.result("c3")
    log.answer("done")
    log.ended()
    run = log.run()
    (turn,) = run.turns
    assert [call.id for call in turn.calls] == ["c1", "c2", "c3"]
    assert [result.text for result in turn.results] == ["y [truncated]", "fine", "ok"]
    assert [d.error for d in turn.decisions] == ["", "", ""]
    assert run.reasons == ["OpenClaw wrote this turn again: the later version counts"]


def test_closed_turns_written_again_are_not_published_again() -> None:
    log = Log()
    log.turn("one", call="c1")
    log.turn("two", call="c2")
    messages = [one.entry["message"] for one in log.records if one.entry]
    parent = "s0001"
    for message in messages[1:]:
        parent = log.entry("message", parent=parent, message=message)
    log.user("thanks")
    run = log.run()
    assert [turn.request for turn in run.turns] == ["one", "two"]
    assert run.turns[1].reaction is not None
    assert [one.text for one in run.reactions] == ["two", "thanks"]


def test_version_1_has_no_ids_and_gets_new_ones() -> None:
    log = Log(ids=False)
    log.line({"type": "session", "id": "s", "timestamp": log.iso(), "provider": "p"})
    log.turn("one", call="c1")
    log.turn("two", call="c2")
    old = [dict(one.entry) for one in log.records[1:] if one.entry]
    log.header()
    parent = None
    for at, entry in enumerate(old):
        log.line({**entry, "id": f"new{at}", "parentId": parent})
        parent = f"new{at}"
    log.ids = True
    log.user("three", parent=parent)
    run = log.run()
    assert [turn.request for turn in run.turns] == ["one", "two"]
    assert run.turns[1].reaction is not None


def test_a_file_cut_to_its_last_lines() -> None:
    """`sessions.compact` keeps the last lines without the header: the parent is not there."""
    log = Log()
    log.answer("the end of something", parent="gone")
    log.turn("go")
    log.ended()
    run = log.run()
    assert [turn.request for turn in run.turns] == ["go"]
    assert run.reasons == ["orphan assistant message: its user message is not in the file"]


def test_label_and_custom_entries_stand_between_messages() -> None:
    log = Log()
    log.entry("model_change", provider="p", modelId="m")
    log.user("go")
    log.entry("custom", customType="openclaw.cache-ttl", data={})
    log.call("c1")
    log.entry("label", targetId="x", label="y")
    log.result("c1")
    log.entry("session_info", name="n")
    log.answer("done")
    log.entry("hologram", beam=1)
    log.message({"role": "oracle", "content": "hm"})
    log.user("next")
    run = log.run()
    (turn,) = run.turns
    assert len(turn.steps) == 3
    assert run.reasons == [
        "unknown: 'hologram' is passed over",
        "unknown: 'oracle' is passed over",
    ]


def test_a_leaf_record_moves_the_conversation() -> None:
    log = Log()
    log.turn("one", call="c1")
    end = log.leaf
    log.turn("two", call="c2")
    log.entry("leaf", targetId=end, parent=log.leaf)
    log.user("three", parent=log.leaf)
    run = log.run()
    assert [(turn.request, turn.closed_by) for turn in run.turns] == [
        ("one", "user"),
        ("two", "branch"),
    ]
    assert [one.text for one in run.reactions] == ["two", "three"]


def test_injected_messages_are_not_the_models() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.answer("delivered", {"provider": "openclaw", "model": "delivery-mirror"})
    log.result("c1")
    log.answer("done")
    log.answer("[note] operator", {"provider": "openclaw", "model": "gateway-injected"})
    log.turn("next", call="c2")
    log.ended()
    run = log.run()
    assert [len(turn.steps) for turn in run.turns] == [3, 3]
    assert run.turns[0].closed_by == "user"
    assert run.turns[0].answer == "done"
    assert [message.text for message in run.turns[1].context] == [
        "go",
        '[exec {"command":"do c1"}]',
        "exec: ok",
        "done",
        "[note] operator",
    ]
    assert run.reasons == [
        "delivery-mirror: a copy of delivered text; no model wrote it",
        "injected by OpenClaw: no model wrote it",
    ]


def test_an_unknown_tool_leaves_an_orphan_result_out_of_order() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.result("c1_1", "Tool nosuchtool not found", {"isError": True, "toolName": "nosuchtool"})
    log.result("c1")
    log.answer("done")
    log.ended()
    (turn,) = log.run().turns
    assert [(r.call_id, r.orphan) for r in turn.results] == [("c1_1", True), ("c1", False)]


def test_a_call_whose_only_tool_is_unknown_still_waits() -> None:
    log = Log()
    log.turn("go")
    log.assistant([{"type": "text", "text": "trying"}], "toolUse")
    log.quiet()
    assert log.run().turns == []


def test_call_ids_come_again() -> None:
    log = Log()
    log.user("go")
    log.call("call_1_0")
    log.result("call_1_0")
    log.call("call_1_0")
    log.result("call_1_0")
    log.result("call_1_0", "one too many")
    log.answer("done")
    log.turn("again", call="call_1_0")
    log.ended()
    first, second = log.run().turns
    assert [result.orphan for result in first.results] == [False, False, True]
    assert [result.orphan for result in second.results] == [False]


def test_a_synthetic_result_is_marked() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    text = "[openclaw] missing tool result in session history; inserted synthetic error result"
    log.result("c1", text, {"isError": True})
    log.user("hello?")
    (turn,) = log.run().turns
    assert turn.results[0].synthetic
    assert turn.results[0].is_error


def test_no_reply_is_silence() -> None:
    log = Log()
    log.turn("go", answer="NO_REPLY")
    log.ended()
    (turn,) = log.run().turns
    assert turn.silent
    assert turn.answer == ""
    assert turn.decisions[-1].text == "NO_REPLY"


def test_errors_and_aborts_are_decisions() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.result("c1")
    log.assistant([], "error", {"errorMessage": "400 exploded"})
    log.quiet()
    (turn,) = log.run().turns
    assert turn.closed_by == "quiet"
    assert turn.stop_reason == "error"
    assert turn.decisions[-1].error == "400 exploded"
    assert turn.answer == ""


def test_details_and_images() -> None:
    log = Log()
    log.user(
        "look", {"content": [{"type": "text", "text": "look"}, {"type": "image", "data": "x"}]}
    )
    log.call("c1", "c2")
    details = {"status": "completed", "exitCode": 2, "durationMs": 38, "aggregated": "SECRET"}
    image = [{"type": "text", "text": "seen"}, {"type": "image", "data": "QUJD"}, {"type": "3d"}]
    log.result("c1", extra={"details": details, "content": image})
    log.result("c2", extra={"details": {"persistedDetailsTruncated": True}})
    log.answer("done")
    log.ended()
    (turn,) = log.run().turns
    first, second = turn.results
    assert (first.exit_code, first.status, first.duration_ms) == (2, "completed", 38)
    assert (first.images, turn.images) == (1, 1)
    assert (second.exit_code, second.status) == (None, "")
    assert b"SECRET" not in turn.to_bytes()
    assert b"QUJD" not in turn.to_bytes()


def test_long_results_are_cut_in_the_middle() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.result("c1", "a" * 300 + "z" * 300)
    log.ended()
    (turn,) = log.run(Extract(result_chars=200)).turns
    result = turn.results[0]
    assert len(result.text) <= 200
    assert result.text.startswith("aaa")
    assert result.text.endswith("zzz")
    assert result.text.count("aa" * 30) + result.text.count("zz" * 30) == 2
    assert f"[… {result.omitted_chars} characters left out …]" in result.text
    assert result.omitted_chars == 448


def test_plain_string_content_and_missing_times() -> None:
    log = Log()
    log.line({"type": "message", "id": "a", "message": {"role": "user", "content": "go"}})
    log.line(
        {
            "type": "message",
            "id": "b",
            "parentId": "a",
            "message": {
                "role": "assistant",
                "content": [{"type": "toolCall", "id": "c", "name": "t", "arguments": "{bad"}],
            },
        }
    )
    log.ended()
    (turn,) = log.run().turns
    assert turn.id == turn_id(None, "go", ("c",))
    assert turn.calls[0].arguments == {"_raw": "{bad"}
    assert (turn.started_ms, turn.ended_ms) == (0, 0)


def test_a_fork_holds_copies() -> None:
    original = Log("s")
    original.header()
    original.turn("one")
    original.ended()
    fork = Log("f")
    fork.ms = original.ms + 5000
    fork.header(parentSession="/old/s.jsonl")
    for record in original.records[1:-1]:
        assert record.entry is not None
        fork.line(record.entry)
        fork.leaf = record.entry["id"]
    fork.turn("two", call="c9")
    fork.ended()
    (first,) = original.run().turns
    copy, second = fork.run().turns
    assert copy.id == first.id
    assert (first.copied, copy.copied, second.copied) == (False, True, False)


def test_reset_entry_ends_the_turn_and_the_context() -> None:
    log = Log()
    log.turn("before")
    log.entry("reset")
    log.turn("after", call="c2")
    log.ended()
    run = log.run()
    before, after = run.turns
    assert before.closed_by == "ended"
    assert after.context == ()
    assert run.reactions == []


def test_a_broken_entry_is_a_dead_letter_and_the_tree_goes_on() -> None:
    log = Log()
    log.user("go")
    log.call("c1")
    log.entry("message", message={"role": "toolResult", "content": 7})
    log.entry("message", message=None)
    log.answer("done")
    log.ended()
    run = log.run()
    letters = [one for one in run.found if isinstance(one, DeadLetter)]
    assert [one.reason.split(":")[0] for one in letters] == ["message.content", "message"]
    assert letters[0].source == "agents/main/sessions/s.jsonl"
    assert '"content":7' in letters[0].raw
    assert [turn.request for turn in run.turns] == ["go"]


def test_arguments_nested_too_deep_are_a_dead_letter() -> None:
    deep: dict[str, object] = {}
    for _ in range(400):
        deep = {"x": deep}
    record = {
        "id": "1",
        "kind": "line",
        "origin": {"agent": "a", "session": "s", "file": "f", "inode": 1, "offset": 0},
        "entry": {
            "type": "message",
            "id": "a",
            "message": {
                "role": "assistant",
                "content": [{"type": "toolCall", "id": "c", "name": "t", "arguments": deep}],
            },
        },
    }
    (letter,) = Extractor().apply_record(record, MemoryTable())
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "message.content: arguments nested too deep"


def test_closed_turns_are_not_kept_whole() -> None:
    log = Log()
    for at in range(20):
        log.user(f"go {at}")
        log.call(f"c{at}")
        log.result(f"c{at}", "x" * 50_000)
        log.answer("y" * 20_000)
    log.ended()
    run = log.run()
    kept = sum(len(value) for _, value in run.table.scan(""))
    assert len(run.turns) == 20
    assert kept < 20 * 5_000


def test_one_line_makes_a_bounded_number_of_writes() -> None:
    class Counting(MemoryTable):
        writes = 0

        def put(self, key: str, value: bytes) -> None:
            self.writes += 1
            super().put(key, value)

    log = Log()
    for at in range(200):
        log.turn(f"go {at}", call=f"c{at}")
    table = Counting()
    extractor = Extractor()
    for record in log.records:
        extractor.apply(record, table)
    assert table.writes <= 3.2 * len(log.records)


def test_two_long_branches_written_in_turns_stay_linear() -> None:
    class Counting(MemoryTable):
        reads = 0

        def get(self, key: str) -> bytes | None:
            self.reads += 1
            return super().get(key)

    log = Log()
    root = log.user("go")
    ends = [root, root]
    for at in range(400):
        ends[at % 2] = log.call(f"c{at}", parent=ends[at % 2])
    table = Counting()
    for record in log.records:
        Extractor().apply(record, table)
    assert table.reads < 12 * len(log.records)


def test_numbers_beyond_64_bits_in_arguments() -> None:
    log = Log()
    log.user("go")
    arguments = {"id": 10**30}
    block = {"type": "toolCall", "id": "c", "name": "t", "arguments": arguments}
    raw = {"type": "message", "id": "b", "parentId": log.leaf}
    entry = {**raw, "message": {"role": "assistant", "content": [block]}}
    line = log.records[0].model_copy(update={"id": "x", "entry": entry})
    log.records.append(line)
    log.ended()
    (turn,) = log.run().turns
    assert turn.calls[0].arguments == {"id": 1e30}
