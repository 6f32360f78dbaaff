"""Which decision makes a pair, and which turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from schemas.pair import PreferencePair
from schemas.settings import Pairs
from schemas.turn import ContextMessage, Decision, ToolCall, ToolResult, Turn
from sinks.chat import messages_of, prompt_of
from sinks.example import Scored
from sinks.strategies.select import GROUPINGS, SIDES, Candidate, select

Make = Callable[..., Any]
LS = ("exec", {"command": "ls"}, "a b")
CAT = ("read", {"path": "a"}, "text")
RULES = Pairs()
(SAME,) = (each for each in GROUPINGS if each.strategy == "same_request")
RM = ("exec", {"command": "rm a"}, "")


def pair_of(
    better: Turn, worse: Turn, goods: Sequence[float] = (9,), bads: Sequence[float] = (2,)
) -> list[PreferencePair]:
    turns = {"good": better, "bad": worse}
    return select(
        SAME,
        [Candidate("good", score, better.started_ms) for score in goods],
        [Candidate("bad", score, worse.started_ms) for score in bads],
        lambda one: Scored(turns[one.turn_id], one.overall),
        "p",
        RULES,
    )


def test_the_first_decision_that_differs(make_turn: Make, make_steps: Make) -> None:
    better = make_turn(1, steps=make_steps(LS, CAT, prefix="x"), request="list the files")
    worse = make_turn(2, steps=make_steps(LS, RM, prefix="y"), request="List the files")
    (pair,) = pair_of(better, worse)
    assert [message.role for message in pair.prompt] == ["user", "assistant", "tool"]
    assert pair.prompt[2].tool_call_id == "call_1" == (pair.prompt[1].tool_calls or ())[0]["id"]
    for side, name in ((pair.chosen, "read"), (pair.rejected, "exec")):
        (message,) = side.messages
        assert message.role == "assistant"
        assert (message.tool_calls or ())[0]["function"]["name"] == name
    assert pair.evidence == "same request, same context; decision 2 differs"


def test_no_tool_result_stands_in_a_side(make_turn: Make, make_steps: Make) -> None:
    (pair,) = pair_of(make_turn(1, steps=make_steps(CAT)), make_turn(2, steps=make_steps(LS, RM)))
    assert {m.role for side in (pair.chosen, pair.rejected) for m in side.messages} == {"assistant"}


def test_an_answer_can_stand_against_a_call(make_turn: Make, make_steps: Make) -> None:
    (pair,) = pair_of(make_turn(1, steps=make_steps(LS, RM)), make_turn(2, steps=make_steps(LS)))
    assert (pair.rejected.messages[0].content, pair.rejected.messages[0].tool_calls) == (
        "done",
        None,
    )


def test_equal_turns_make_none(make_turn: Make, make_steps: Make) -> None:
    steps = [make_steps(LS, CAT, prefix=prefix) for prefix in "xy"]
    assert not pair_of(make_turn(1, steps=steps[0]), make_turn(2, steps=steps[1]))


@pytest.mark.parametrize("change", [{"text": "c"}, {"images": 1}, {"omitted_chars": 5}])
def test_behind_results_that_differ_or_are_not_whole_there_is_none(
    make_turn: Make, make_steps: Make, change: dict[str, Any]
) -> None:
    first, result, *rest = make_steps(LS, CAT)
    changed = (first, result.model_copy(update=change), *rest)
    assert not pair_of(make_turn(1, steps=changed), make_turn(2, steps=make_steps(LS, RM)))


@pytest.mark.parametrize(
    ("change", "as_good", "as_bad"),
    [
        ({"stop_reason": "length"}, 0, 1),
        ({"stop_reason": "aborted"}, 0, 0),
        ({"stop_reason": "error"}, 0, 0),
        ({"provider": "openclaw"}, 0, 0),
        ({"calls": (), "text": " "}, 0, 0),
        ({"stop_reason": "stop"}, 1, 1),
    ],
)
def test_what_no_model_brought_to_its_end_is_no_side(
    make_turn: Make, make_steps: Make, change: dict[str, Any], as_good: int, as_bad: int
) -> None:
    first, *rest = make_steps(LS)
    odd = make_turn(1, steps=(first.model_copy(update=change), *rest))
    plain = make_turn(2, steps=make_steps(CAT))
    assert len(pair_of(odd, plain)) == as_good
    assert len(pair_of(plain, odd)) == as_bad


def test_a_decision_whose_call_was_stripped_is_no_side(make_turn: Make, make_steps: Make) -> None:
    first, result, *rest = make_steps(LS)
    orphan = ToolResult(call_id="gone", name="nope", text="unknown tool", orphan=True)
    odd = make_turn(1, steps=(first, result, orphan, *rest))
    assert not pair_of(make_turn(2, steps=make_steps(CAT)), odd)
    assert not pair_of(make_turn(2, steps=make_steps(LS, CAT)), odd)


def test_parallel_results_stand_in_the_order_of_their_calls(make_turn: Make) -> None:
    calls = tuple(ToolCall(id=i, name="exec", arguments={"command": i}) for i in "ab")
    results = [ToolResult(call_id=i, name="exec", text=i) for i in "ab"]
    both = [
        make_turn(1, steps=(Decision(calls=calls), *order)) for order in (results, results[::-1])
    ]
    assert [s.content for s in messages_of(both[0])] == [s.content for s in messages_of(both[1])]


def test_json_tells_what_python_calls_equal(make_turn: Make, make_steps: Make) -> None:
    steps = [make_steps(("exec", {"x": value}, "")) for value in (1, True)]
    assert len(pair_of(make_turn(1, steps=steps[0]), make_turn(2, steps=steps[1]))) == 1


def test_the_prompt_is_the_chosen_turns(make_turn: Make, make_steps: Make) -> None:
    context = (
        ContextMessage(role="summary", text="we spoke of files"),
        ContextMessage(role="assistant", text="yes"),
    )
    better = make_turn(1, context=context, steps=make_steps(CAT))
    (pair,) = pair_of(better, make_turn(2, steps=make_steps(RM)))
    assert pair.prompt == prompt_of(better)
    assert [message.role for message in pair.prompt] == ["user", "assistant", "user"]
    assert "contexts differ" in pair.evidence


def test_a_short_request_needs_the_same_conversation(make_turn: Make, make_steps: Make) -> None:
    contexts = [(ContextMessage(role="assistant", text=f"shall I {what}?"),) for what in "ab"]
    better = make_turn(1, request="yes", context=contexts[0], steps=make_steps(CAT))
    worse = make_turn(2, request="yes", context=contexts[1], steps=make_steps(RM))
    assert not pair_of(better, worse)
    same = worse.model_copy(update={"context": contexts[0]})
    assert pair_of(better, same)[0].evidence == "same request, same context; decision 1 differs"


def test_a_turn_is_not_paired_with_itself(make_turn: Make) -> None:
    side = Candidate("x", 5, 0)
    loose = RULES.model_copy(update={"min_margin": 0})
    assert not select(SAME, [side], [side], lambda _: Scored(make_turn(), 5), "p", loose)


def test_what_is_said_once_is_not_said_again_nor_reversed(
    make_turn: Make, make_steps: Make
) -> None:
    turns = {
        f"{kind}{n}": make_turn(
            n + 10 * (kind == "bad"), steps=make_steps(LS if (kind == "good") == (n < 3) else RM)
        )
        for kind in ("good", "bad")
        for n in range(4)
    }
    chosen = [Candidate(f"good{n}", 9, n) for n in range(4)]
    rejected = [Candidate(f"bad{n}", 2, n) for n in range(4)]
    pairs = select(
        SAME, chosen, rejected, lambda one: Scored(turns[one.turn_id], one.overall), "p", RULES
    )
    (pair,) = pairs
    assert (pair.chosen.turn_id, pair.rejected.turn_id) == (turns["good0"].id, turns["bad0"].id)


def test_only_turns_that_are_tried_are_read(make_turn: Make, make_steps: Make) -> None:
    read: list[str] = []

    def load(one: Candidate) -> Scored:
        read.append(one.turn_id)
        turn = make_turn(len(read), steps=make_steps(("exec", {"command": one.turn_id}, "")))
        return Scored(turn, one.overall)

    few = RULES.model_copy(update={"per_prompt": 1})
    chosen = [Candidate(f"g{n}", 9, n) for n in range(SIDES)]
    rejected = [Candidate(f"b{n}", 2, n) for n in range(SIDES)]
    assert len(select(SAME, chosen, rejected, load, "p", few)) == 1
    assert len(read) == 2
    assert not select(SAME, chosen, [], load, "p", few)


def test_a_margin_that_is_too_small_makes_none(make_turn: Make, make_steps: Make) -> None:
    turns = make_turn(1, steps=make_steps(LS)), make_turn(2, steps=make_steps(CAT))
    assert len(pair_of(*turns, goods=(7,), bads=(4,))) == 1
    assert not pair_of(*turns, goods=(6.5,), bads=(4,))


def test_a_fault_in_what_both_have_done_is_no_ground_for_a_pair(
    make_turn: Make, make_steps: Make
) -> None:
    first, result, *rest = make_steps(LS, CAT)
    failed = result.model_copy(update={"is_error": True})
    worse = make_turn(2, steps=(first, failed, *make_steps(LS, RM)[2:]))
    better = make_turn(1, steps=(first, failed, *rest))
    assert not pair_of(better, worse)


def test_decisions_that_say_nearly_the_same_are_refused(make_turn: Make, make_steps: Make) -> None:
    steps = [make_steps(("exec", {"command": command}, "")) for command in ("ls  A", "LS a")]
    assert not pair_of(make_turn(1, steps=steps[0]), make_turn(2, steps=steps[1]))


def test_one_side_stands_in_so_many_pairs(make_turn: Make, make_steps: Make) -> None:
    turns = {str(n): make_turn(n, steps=make_steps(("exec", {"n": n}, ""))) for n in range(9)}
    pairs = select(
        SAME,
        [Candidate("0", 9, 0)],
        [Candidate(str(n), 2, n) for n in range(1, 9)],
        lambda one: Scored(turns[one.turn_id], one.overall),
        "p",
        RULES.model_copy(update={"per_side": 3, "per_prompt": 8}),
    )
    assert len(pairs) == 3
