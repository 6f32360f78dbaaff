"""The rows that axolotl trains on: a snapshot's rendered text, without what is too long.

axolotl's loaders of chat messages leave tools out, so it gets text. What a snapshot has rendered
is in Qwen2.5's chat template.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from trainer.axolotl.configuration import ROWS
from trainer.job import Job
from trainer.refusal import Refusal
from trainer.tokens import Tokens, choose

FOLDER: Final = "axolotl"
"""In a snapshot: what `clawback pairs snapshot --axolotl` adds."""

SIDES: Final = {"dpo": ("chosen", "rejected"), "kto": ("completion",)}
END: Final = "<|im_end|>"

Row = dict[str, Any]


class Counts(Protocol):
    """Counts the tokens of a text."""

    def __call__(self, text: str) -> int: ...


def read(snapshot: Path, method: str) -> list[Row]:
    """Return the rows to train on, by their text.

    For KTO both sides of each pair are rows of their own. A side ends with its end mark, where TRL
    would otherwise put a second one.

    Raises:
        Refusal: there are none.
    """
    folder = snapshot / FOLDER
    if not folder.is_dir():
        raise Refusal(
            f"the snapshot {snapshot} has no rendered text for axolotl; "
            "make it with: clawback pairs snapshot --axolotl"
        )
    pairs = list(_lines(folder / "pairs/train.jsonl"))
    single = _lines(folder / "unpaired/train.jsonl")
    found = pairs if method == "dpo" else [*_sides(pairs), *single]
    if not found:
        raise Refusal(f"the snapshot {snapshot} has no rows to train on")
    return [row | {side: row[side].removesuffix("\n") for side in SIDES[method]} for row in found]


def fitting(rows: list[Row], method: str, limit: int, counts: Counts) -> tuple[list[Row], Tokens]:
    """Return the rows that are not too long, and what was counted.

    Args:
        rows: of `read`.
        method: of the job.
        limit: the most tokens of a prompt with one answer.
        counts: the base's tokenizer.

    Raises:
        Refusal: no row is left.
    """
    prompts = [counts(row["prompt"]) for row in rows]
    sides = [[counts(row[side]) for side in SIDES[method]] for row in rows]
    lengths = [prompt + max(each) for prompt, each in zip(prompts, sides, strict=True)]
    totals = [prompt * len(each) + sum(each) for prompt, each in zip(prompts, sides, strict=True)]
    problems = ["" if all(each) else "an answer is empty" for each in sides]
    identities = [f"row {number}" for number in range(1, len(rows) + 1)]
    kept, left_out = choose(identities, lengths, problems, limit)
    if not kept:
        raise Refusal(
            f"no row to train on: all {len(rows)} have more than {limit} tokens; the shortest has "
            f"{min(lengths)}, see train.max_length"
        )
    found = Tokens(
        method=method,
        limit=limit,
        rows=len(rows),
        kept=len(kept),
        tokens=sum(totals[place] for place in kept),
        longest=max(lengths[place] for place in kept),
        stop=END,
        left_out=left_out,
    )
    return [rows[place] for place in kept], found


def write(job: Job, rows: Iterable[Row], mark: str) -> None:
    """Write the rows into the run's folder, in one step.

    Args:
        job: the job.
        rows: what to write; all ranks of a host write the same.
        mark: what no other rank's unfinished file is called by.
    """
    work = job.output / f".{ROWS}.{mark}"
    with work.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    os.replace(work, job.output / ROWS)


def _sides(pairs: Iterable[Row]) -> Iterator[Row]:
    for row in pairs:
        for side, label in (("chosen", True), ("rejected", False)):
            yield {"prompt": row["prompt"], "completion": row[side], "label": label}


def _lines(path: Path) -> Iterator[Row]:
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file)
