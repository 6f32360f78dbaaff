"""From the topics to a snapshot, in whatever order records come and however many processes help."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from schemas.settings import Settings
from schemas.tool import ToolDefinition, ToolOffer
from schemas.topics import TOOLS, TURNS, VERDICTS
from schemas.turn import Turn
from sinks.bulk import shards
from sinks.dataset import build as building
from sinks.dataset.build import Snapshot, build
from streams.broker import open_broker
from streams.flow import Outgoing
from streams.pairs import gather as gathering
from streams.pairs.crew import Crew
from streams.pairs.gather import gather, lineage
from streams.pairs.scratch import scratch
from streams.stages.sinks import asks_again, panel_label
from tests.benchmarks._assistant import records

TURN_COUNT = 600


def snapshot(home: Path, published: Sequence[Outgoing], processes: int) -> Snapshot:
    settings = settings_of(home)
    broker = open_broker(settings)
    broker.ensure_topics()
    asyncio.run(broker.publish(published))
    label, rules = panel_label(settings), settings.pairs
    with scratch(settings) as place, Crew(processes) as crew:
        read = gather(broker, settings, label, place, crew)
        made = build(
            read.bulk, read.bulk.pair(rules, asks_again, crew), rules, place.table, home / "out",
            lineage(broker, read), place.tick, crew,
        )  # fmt: skip
    broker.close()
    assert not list((settings.paths.home / "tables").glob(".pairs-*"))
    return made


def settings_of(home: Path) -> Settings:
    return Settings.model_validate({"paths": {"home": home, "output": home / "output"}})


def files(made: Snapshot) -> dict[str, bytes]:
    return {
        str(each.relative_to(made.path)): each.read_bytes()
        for each in made.path.rglob("*")
        if each.is_file() and each.name != "lineage.json"
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[Outgoing]:
    panel, _, edition = panel_label(settings_of(tmp_path_factory.mktemp("label"))).partition("@")
    made = [Outgoing(*each) for each in records(TURN_COUNT, panel, edition)]
    turns = [Turn.from_bytes(each.value or b"") for each in made if each.topic == TURNS]
    return made + list(offers(turns))


def offers(turns: Sequence[Turn]) -> Iterator[Outgoing]:
    """What was offered for each third turn: ever other descriptions of two tools."""
    for number, turn in enumerate(turns[::3]):
        tools = [
            ToolDefinition.of(turn.agent, name, f"{name} {number % 5}", {"type": "object"}, ())
            for name in ("exec", "read")
        ]
        offer = ToolOffer.of(
            turn.agent, turn.session, turn.started_ms + 5, tuple(each.id for each in tools)
        )
        for each in (*tools, offer):
            yield Outgoing(TOOLS, turn.agent.encode(), each.to_bytes())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, published: list[Outgoing]) -> Snapshot:
    return snapshot(tmp_path_factory.mktemp("alone"), published, 0)


def test_there_is_something_of_everything(alone: Snapshot) -> None:
    assert alone.counts["found"] == {TURNS: TURN_COUNT, VERDICTS: TURN_COUNT}
    records = json.loads((alone.path / "lineage.json").read_bytes())["records"]
    # Copies and revisions are among them.
    assert records[TURNS] > TURN_COUNT
    assert records[VERDICTS] > TURN_COUNT
    assert set(alone.counts["strategies"]) == {"branch", "retry", "same_request"}
    assert alone.counts["rows"]["unpaired"]["train"] > TURN_COUNT / 4
    assert alone.counts["tools"]["mixed"] > TURN_COUNT / 4


@pytest.mark.parametrize(("processes", "seed"), [(1, 1), (2, 2), (3, 3)])
def test_neither_order_nor_processes_nor_sizes_change_a_byte(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    published: list[Outgoing],
    alone: Snapshot,
    processes: int,
    seed: int,
) -> None:
    monkeypatch.setattr(gathering, "PIECE_RECORDS", 150 * seed)
    monkeypatch.setattr(shards, "RECORDS", 200 * seed)
    monkeypatch.setattr(building, "ROWS", 70 * seed)
    dice = random.Random(seed)
    # Delivery is at least once.
    again = dice.sample(published, 50)
    shuffled = dice.sample([*published, *again], len(published) + len(again))
    made = snapshot(tmp_path, shuffled, processes)
    assert made.fingerprint == alone.fingerprint
    assert files(made) == files(alone)


def test_what_can_not_be_read_is_counted(tmp_path: Path, published: list[Outgoing]) -> None:
    broken = [Outgoing(TURNS, b"x", b"{}"), Outgoing(VERDICTS, b"x", None)]
    made = snapshot(tmp_path, [*published[:20], *broken], 0)
    assert json.loads((made.path / "lineage.json").read_bytes())["records"]["unreadable"] == 1
