from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from trainer.tokens import LeftOut, choose, measure

END = 99


class Words:
    """A tokenizer with one token a word; an answer ends with `END`."""

    all_special_ids = (END,)
    added_tokens_decoder: Mapping[int, str] = {}

    def __init__(self, answer_mark: int = 1) -> None:
        self._answer_mark = answer_mark

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(map(str, ids))

    def apply_chat_template(
        self,
        messages: Sequence[Mapping[str, str]],
        add_generation_prompt: bool = False,
        **_options: Any,
    ) -> dict[str, list[int]]:
        ids: list[int] = []
        for message in messages:
            if message["role"] == "tool":
                raise ValueError("no place for role tool\nsecond line")
            words = [len(word) + 2 for word in message["content"].split()]
            if message["role"] == "assistant":
                # The template of some models starts an answer otherwise than a prompt ends.
                words = [self._answer_mark, *words, END]
            ids += words
        return {"input_ids": [*ids, 1] if add_generation_prompt else ids}


def row(prompt: str, *answers: str, role: str = "user") -> dict[str, Any]:
    sides = dict(zip(("chosen", "rejected"), answers, strict=False))
    return {
        "prompt": [{"role": role, "content": prompt}],
        "tools": [],
        **{side: [{"role": "assistant", "content": text}] for side, text in sides.items()},
    }


def test_a_row_is_as_long_as_its_prompt_with_its_longest_answer() -> None:
    found = measure(row("a b c", "d", "e f g"), Words(), ("chosen", "rejected"))
    assert found == {"longest": 8, "total": 14, "last": END, "problem": ""}


def test_a_prompt_that_is_written_otherwise_before_an_answer_is_a_problem() -> None:
    found = measure(row("a b", "c"), Words(answer_mark=5), ("chosen",))
    assert "otherwise where an answer follows" in found["problem"]


def test_a_template_that_fails_is_a_problem_of_that_row() -> None:
    found = measure(row("a b", "c", role="tool"), Words(), ("chosen",))
    assert found["problem"] == "the chat template does not take it: no place for role tool"


def test_answers_that_the_template_makes_the_same_teach_nothing() -> None:
    found = measure(row("a b", "c d", "e f"), Words(), ("chosen", "rejected"))
    assert found["problem"] == "both answers read the same in the chat template"


def test_a_call_that_the_template_passes_over_is_a_problem() -> None:
    asked = row("a b", "cc dd", "eee")
    asked["chosen"][0]["tool_calls"] = [{"function": {"name": "lamp", "arguments": {}}}]
    assert (
        measure(asked, Words(), ("chosen", "rejected"))["problem"]
        == "the chat template leaves out tool calls"
    )
    asked["chosen"][0]["tool_calls"][0]["function"]["name"] = "4"
    assert measure(asked, Words(), ("chosen", "rejected"))["problem"] == ""


def test_rows_above_the_limit_and_rows_with_a_problem_are_named() -> None:
    kept, left_out = choose(["a", "b", "c"], [10, 11, 5], ["", "", "broken"], limit=10)
    assert kept == [0]
    assert left_out == (
        LeftOut(id="b", tokens=11, limit=10, reason="longer than the limit"),
        LeftOut(id="c", tokens=5, limit=10, reason="broken"),
    )


@pytest.mark.parametrize(("length", "kept"), [(10, [0]), (11, [])])
def test_a_row_of_just_the_limit_is_kept(length: int, kept: list[int]) -> None:
    assert choose(["a"], [length], [""], limit=10)[0] == kept
