"""Which of all pairs and turns go into a snapshot, and into which split.

First come pairs that a person has spoken about, then the better strategy, then the larger margin,
then the id; whatever would exceed a limit is left out and counted. So the choice depends on what
there is alone, and not on the order in which it came.

In the table: `order/` the pairs in that order, `count/` how often a prompt or a side was used,
`paired/` the turns that stand in a pair, `keep/` what goes into the snapshot, by start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic_core import from_json, to_json

from schemas.identity import digest
from schemas.pair import Strategy
from schemas.settings import Pairs
from schemas.table import Table
from schemas.turn import Turn
from sinks import known
from sinks.bulk import Tick, kind_of
from sinks.dataset.counts import Counts, decision_length
from sinks.dataset.near import asked_in, sketch
from sinks.dataset.rows import Row, has_long_number, pair_row, unpaired_row
from sinks.dataset.split import common_split, keep_back
from sinks.dataset.tools import ToolBook
from sinks.example import Scored
from sinks.kept import PAIR
from sinks.strategies.unpaired import unpaired

KEEP_PAIR = "keep/pair/"
KEEP_UNPAIRED = "keep/unpaired/"
_ORDER = "order/"
_COUNT = "count/"
_PAIRED = "paired/"

RUNGS: Mapping[str, int] = {name: rung for rung, name in enumerate(get_args(Strategy))}


def choose_pairs(rules: Pairs, table: Table, counts: Counts, tools: ToolBook, tick: Tick) -> None:
    """Choose among the pairs in the table; see above."""
    for key, value in table.scan(PAIR):
        pair = orjson.loads(value)
        margin = 0.0 if pair["margin"] is None else pair["margin"]
        order = (
            f"{0 if pair['reviewed'] else 1}{RUNGS[pair['strategy']]}/{20 - margin:06.3f}"
            f"/{pair['id']}"
        )
        table.put(_ORDER + order, key.encode())
        tick()
    for _, at in table.scan(_ORDER):
        stored = table.get(at.decode())
        assert stored is not None
        _choose_pair(from_json(stored), rules, table, counts, tools)
        tick()


def choose_unpaired(
    panel: str, rules: Pairs, table: Table, counts: Counts, tools: ToolBook, tick: Tick
) -> None:
    """Choose among the scored turns that stand in no chosen pair."""
    for key, stored in table.scan(known.SCORE):
        score = known.read_score(stored, panel)
        if score is None or score.status != "scored" or score.overall is None:
            continue
        counts.scores[round(score.overall)] += 1
        turn_id = key.removeprefix(known.SCORE)
        kind = kind_of(score.overall, rules)
        if kind is None or "unpaired" not in rules.strategies:
            continue
        turn = known.turn_bytes(turn_id, table)
        if not turn or table.get(_PAIRED + turn_id) is not None:
            continue
        scored = Scored(Turn.from_bytes(turn), score.overall, score.rationales)
        example = unpaired(scored, good=kind == "chosen")
        if example is None:
            counts.dropped["unpaired"]["no decision to learn from"] += 1
            continue
        row = unpaired_row(example)
        prompt = [(each.role, each.content) for each in example.prompt]
        _keep(
            "unpaired", KEEP_UNPAIRED, row, prompt, scored.turn.agent, rules, table, counts, tools,
            lambda: None,
        )  # fmt: skip
        tick()


def _choose_pair(
    pair: dict[str, Any], rules: Pairs, table: Table, counts: Counts, tools: ToolBook
) -> None:
    row = pair_row(pair)
    sides = (pair["chosen"], pair["rejected"])
    if rules.max_length_ratio:
        chosen, rejected = decision_length(row["chosen"]), decision_length(row["rejected"])
        if chosen > rules.max_length_ratio * max(1, rejected):
            counts.dropped["pairs"]["chosen side too long"] += 1
            return
    names = [f"side/{side['turn_id']}/{side['decision']}" for side in sides]
    if any(_count(name, table) >= rules.per_side for name in names):
        counts.dropped["pairs"]["a side used often enough"] += 1
        return

    def note() -> None:
        for name in names:
            _use(name, table)
        for side in sides:
            table.put(_PAIRED + side["turn_id"], b"")

    line = known.line_of(pair["chosen"]["turn_id"], table)
    agent = line.session.split("/", 1)[0] if line else ""
    prompt = [(each["role"], each["content"]) for each in pair["prompt"]]
    _keep("pairs", KEEP_PAIR, row, prompt, agent, rules, table, counts, tools, note)


def _keep(
    kind: str,
    prefix: str,
    row: Row,
    prompt: Sequence[tuple[str, str]],
    agent: str,
    rules: Pairs,
    table: Table,
    counts: Counts,
    tools: ToolBook,
    note: Callable[[], None],
) -> None:
    """Keep a row unless something speaks against it."""
    asked = asked_in(prompt)
    request = f"{kind}/{row.get('label', '')}/{digest('asked', asked)}"
    split = common_split(row["sessions"], rules)
    if split is None:
        counts.dropped[kind]["its sessions are of two splits"] += 1
    elif _count(request, table) >= rules.per_prompt:
        counts.dropped[kind]["its prompt used often enough"] += 1
    elif has_long_number(row):
        counts.dropped[kind]["a number of more than 64 bits"] += 1
    else:
        _use(request, table)
        note()
        found = sketch(asked)
        keep_back(split, found, table)
        for name in ("prompt", "chosen", "rejected", "completion"):
            texts = row.get(name, ())
            tools.see(agent, (from_json(text) for text in texts if '"tool_calls":' in text))
        key = f"{prefix}{row['started_ms']:015d}/{row['id']}"
        table.put(key, to_json((split, agent, found, row)))


def _count(name: str, table: Table) -> int:
    return int(table.get(_COUNT + name) or 0)


def _use(name: str, table: Table) -> None:
    table.put(_COUNT + name, str(_count(name, table) + 1).encode())
