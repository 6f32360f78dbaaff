"""Scored turns enough for a small snapshot."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.tool import ToolDefinition, ToolOffer
from schemas.turn import ContextMessage, Turn
from sinks.bulk import Bulk, Shards, take
from sinks.dataset.build import Snapshot, build

Make = Callable[..., Any]

ARGUMENTS: list[dict[str, Any]] = [
    {"path": "a.txt", "nothing": None, "deep": {"list": [1, 1.5, True, None, {"": []}]}},
    {"path": ["several", "kinds"], "count": 2**53 + 1, "ratio": 0.1, "tiny": 1e-7},
    {"query": "<b>\u2028 é 😀", "path": 3},
    {},
]
SECRET = "<secret:github-pat:1f0c9a3e>"
WORDS = [f"word{n}" for n in range(400)]

Built = Callable[..., Snapshot]


@pytest.fixture
def built(
    tmp_path: Path,
    make_turn: Make,
    make_verdict: Make,
    make_steps: Make,
) -> Built:
    def make(
        seed: int = 0,
        turns: int = 120,
        out: str = "out",
        rules: Pairs | None = None,
        arguments: list[dict[str, Any]] = ARGUMENTS,
        axolotl: bool = False,
        tools: Sequence[ToolDefinition | ToolOffer] = (),
        more: Sequence[Turn] = (),
    ) -> Snapshot:
        rules = rules or Pairs(eval_share=0.2, test_share=0.2)
        records = [("tools", each.to_bytes()) for each in tools]
        records += [("turns", each.to_bytes()) for each in more]
        for n in range(turns):
            dice = random.Random(n // 2)
            asked = " ".join(dice.choices(WORDS, k=8))
            steps = make_steps(
                ("read", arguments[n % len(arguments)], f"text {n}"),
                ("exec", {"command": f"ls {n}"}, "a"),
            )
            context = (ContextMessage(role="assistant", text=f"hello {n // 2} {SECRET}"),)
            turn = make_turn(n, request=asked, session=f"s{n // 2}", steps=steps, context=context)
            records.append(("turns", turn.to_bytes()))
            records.append(("verdicts", make_verdict(n, 9 if n % 2 else 2).to_bytes()))
        random.Random(seed).shuffle(records)
        with TemporaryDirectory(dir=tmp_path) as folder:
            shards = Shards(Path(folder), 1 + seed % 3)
            taken = take(shards, "0", "default", records)
            table = MemoryTable()
            taken.tools.put(table)
            bulk = Bulk(shards, "default", taken.reviews, map)
            return build(
                bulk, bulk.pair(rules, lambda *_: False, map), rules, table, tmp_path / out,
                {"seed": seed}, lambda: None, map, axolotl=axolotl,
            )  # fmt: skip

    return make
