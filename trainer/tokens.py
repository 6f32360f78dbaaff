"""Counting tokens before the first step, so that no row is lost or cut without a word.

TRL drops rows whose prompt reaches the limit, cuts answers that go beyond it, often in the middle
of a tool call, and cuts the end of a prompt that the chat template writes otherwise once an
answer follows. A template may also pass over tool calls. Here such rows are named, with the
reason, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from trainer.job import TOKENS
from trainer.refusal import Refusal, first_line

SIDES: Final[dict[str, tuple[str, ...]]] = {
    "dpo": ("chosen", "rejected"),
    "kto": ("completion",),
}
NAMED: Final = 3
"""Reasons that are told where no row is left."""


class LeftOut(BaseModel):
    """A row that is not trained on. `tokens` is its prompt with its longest answer, 0 where that
    can't be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    tokens: int
    limit: int
    reason: str


class Tokens(BaseModel):
    """What a run learns from.

    `limit` is the most tokens of a prompt with one answer, `longest` the most of those kept,
    `tokens` all that go through the model in one epoch: for a pair its prompt counts twice.
    `stop` is the token that ends an answer, `label_weights` how much a good and a bad answer
    count (KTO). `row_weights` says what becomes of the snapshot's column `weight`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    limit: int
    rows: int
    kept: int
    tokens: int
    longest: int
    stop: str = ""
    row_weights: str = "not used: every row counts the same"
    label_weights: tuple[float, float] | None = None
    left_out: tuple[LeftOut, ...] = ()


def measure(row: Mapping[str, Any], tokenizer: Any, sides: Sequence[str]) -> dict[str, Any]:
    """Return how long a row is, and what is wrong with it.

    Args:
        row: its messages, and its tools.
        tokenizer: with a chat template.
        sides: the columns of its answers.

    Returns:
        ``longest``: tokens of the prompt with the longest answer; ``total``: of the prompt with
        each answer, added up; ``last``: the last token of the first answer that is a special
        one, or -1; ``problem``: "" or why the row can't be learned from at any length.
    """
    try:
        prompt = _ids(tokenizer, row["prompt"], row["tools"], add_generation_prompt=True)
        whole = [_ids(tokenizer, row["prompt"] + row[side], row["tools"]) for side in sides]
    except Exception as error:  # noqa: BLE001 - a template is code of others
        problem = f"the chat template does not take it: {first_line(error)}"
        return {"longest": 0, "total": 0, "last": -1, "problem": problem}
    problem, pairs = "", tuple(zip(sides, whole, strict=True))
    if any(ids[: len(prompt)] != prompt for ids in whole):
        problem = "the chat template writes the prompt otherwise where an answer follows"
    elif any(len(ids) == len(prompt) for ids in whole):
        problem = "an answer is empty"
    elif any(_loses_call(tokenizer, row[side], ids[len(prompt) :]) for side, ids in pairs):
        problem = "the chat template leaves out tool calls"
    elif len(whole) > len({tuple(ids) for ids in whole}):
        problem = "both answers read the same in the chat template"
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    ends = [each for each in whole[0][len(prompt) :] if each in special]
    return {
        "longest": max(map(len, whole)),
        "total": sum(map(len, whole)),
        "last": ends[-1] if ends else -1,
        "problem": problem,
    }


def choose(
    identities: Sequence[str], lengths: Sequence[int], problems: Sequence[str], limit: int
) -> tuple[list[int], tuple[LeftOut, ...]]:
    """Return the places of the rows that are kept, and those that are left out.

    Args:
        identities: of the rows.
        lengths: tokens of each prompt with its longest answer.
        problems: of each row, "" for none.
        limit: the most tokens.
    """
    kept, left_out = [], []
    for place, (identity, tokens, problem) in enumerate(
        zip(identities, lengths, problems, strict=True)
    ):
        reason = problem or ("longer than the limit" if tokens > limit else "")
        if reason:
            left_out.append(LeftOut(id=identity, tokens=tokens, limit=limit, reason=reason))
        else:
            kept.append(place)
    return kept, tuple(left_out)


def count(rows: Any, tokenizer: Any, method: str, limit: int) -> tuple[list[int], Tokens]:
    """Return the places of the rows to train on, and what was counted.

    Args:
        rows: a data set with ``id``.
        tokenizer: with a chat template.
        method: of the job.
        limit: the most tokens of a prompt with an answer.

    Raises:
        Refusal: no row is left.
    """
    measured = rows.map(
        measure,
        fn_kwargs={"tokenizer": tokenizer, "sides": SIDES[method]},
        remove_columns=[name for name in rows.column_names if name != "id"],
        desc="Counting tokens",
    )
    lengths = list(measured["longest"])
    kept, left_out = choose(list(measured["id"]), lengths, list(measured["problem"]), limit)
    if not kept:
        raise Refusal(_none_left(len(lengths), limit, left_out))
    totals, ends = list(measured["total"]), list(measured["last"])
    last = ends[kept[0]]
    return kept, Tokens(
        method=method,
        limit=limit,
        rows=len(lengths),
        kept=len(kept),
        tokens=sum(totals[place] for place in kept),
        longest=max(lengths[place] for place in kept),
        stop=tokenizer.convert_ids_to_tokens(last) if last >= 0 else "",
        left_out=left_out,
    )


def write(output: Path, found: Tokens) -> None:
    """Write tokens.json into a run's folder."""
    (output / TOKENS).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _none_left(rows: int, limit: int, left_out: Sequence[LeftOut]) -> str:
    if not rows:
        return "no row to train on: the snapshot is empty"
    too_long = [row for row in left_out if row.reason == "longer than the limit"]
    shortest = min((row.tokens for row in too_long), default=0)
    why = "; ".join(sorted({row.reason for row in left_out})[:NAMED])
    hint = f"; the shortest has {shortest} tokens, see train.max_length" if too_long else ""
    return f"no row to train on: all {rows} are left out ({why}; the limit is {limit}){hint}"


def _loses_call(tokenizer: Any, answer: Sequence[Mapping[str, Any]], ids: list[int]) -> bool:
    """Say whether a call of an answer is not in what was made of it. Templates of models that know
    no tools pass over calls, and nothing of them would be learned."""
    names = [
        call["function"]["name"] for message in answer for call in message.get("tool_calls") or ()
    ]
    if not names:
        return False
    text = tokenizer.decode(ids)
    return any(name not in text for name in names)


def _ids(tokenizer: Any, messages: Any, tools: Any, **options: Any) -> list[int]:
    found: list[int] = tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=True, return_dict=True, **options
    )["input_ids"]
    return found
