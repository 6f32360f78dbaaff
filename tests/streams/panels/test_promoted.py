"""The sinks under another panel: the pairs follow without any new record."""

from __future__ import annotations

from pathlib import Path

import orjson

from agents.ensemble import Ensemble, edition
from schemas.settings import Panel, Settings, Sinks
from schemas.table import MemoryTable
from schemas.topics import TURNS, VERDICTS
from schemas.turn import Turn
from schemas.verdict import Verdict
from streams.flow import Incoming
from streams.stages.sinks import make_handler
from tests.support.turns import make_judgement, make_turn

GOOD, BAD = (
    make_turn(
        number,
        session=f"s-{number}",
        calls=number + 1,
        request="please sort the holiday pictures of last summer into folders by their date",
    )
    for number in (0, 1)
)


def settings(root: Path, panel: str) -> Settings:
    made = Settings()
    names = tuple(judge.name for judge in made.judges)
    return made.model_copy(
        update={
            "paths": made.paths.model_copy(update={"output": root}),
            "panels": (
                Panel(name="one", judges=names),
                Panel(name="two", judges=names, max_spread=1.0),
            ),
            "sinks": Sinks(panel=panel, flush=0.0),
        }
    )


def verdict(made: Settings, number: int, turn: Turn, overall: int) -> Verdict:
    current = edition(made.panels[number], made.judges)
    ensemble, table = Ensemble(current.panel, current), MemoryTable()
    said: list[Verdict] = []
    for pin in current.pins.values():
        judged = make_judgement(turn.id, pin.judge, overall, model=pin.model, rubric=pin.rubric)
        said += ensemble.apply(judged, 0, table)
    return said[-1]


def test_a_promoted_panel_makes_its_pairs_at_once(tmp_path: Path) -> None:
    table = MemoryTable()
    before = settings(tmp_path, "one")
    handler = make_handler("pairs", before)
    values = [(TURNS, turn.to_bytes()) for turn in (GOOD, BAD)]
    for number in (0, 1):
        for turn, overall in ((GOOD, 9), (BAD, 2)):
            values.append((VERDICTS, verdict(before, number, turn, overall).to_bytes()))
    assert handler.begin(table) == []
    made = [
        output
        for topic, value in values
        for output in handler.apply(Incoming(topic, 0, 0, 0, b"", value), table)
    ]
    assert [orjson.loads(each.value or b"")["panel"] for each in made] == [
        edition(before.panels[0], before.judges).label
    ]
    handler.flush(table, everything=True)

    after = settings(tmp_path, "two")
    promoted = make_handler("pairs", after)
    (output,) = promoted.begin(table)
    label = edition(after.panels[1], after.judges).label
    assert orjson.loads(output.value or b"")["panel"] == label
    assert promoted.begin(table) == []
    promoted.flush(table, everything=True)
    assert label in (tmp_path / "pairs" / "pairs.jsonl").read_text()
