"""The judgements that are joined anew, and the settings of the panel that joins them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path

from agents.ensemble import Edition, edition
from schemas.identity import digest
from schemas.judgement import Judgement, Scores, judgement_id
from schemas.settings import Broker as BrokerSettings
from schemas.settings import ModelJudge, Panel, Paths, Settings
from schemas.topics import JUDGEMENTS
from streams.broker import open_broker
from streams.flow import Outgoing

JUDGES = ("one", "two", "three")
PUBLISHED = 2_000
"""Judgements that are published together."""

WORDS = ("tool", "answer", "result", "was", "right", "the", "and", "says", "more", "than", "found")


def settings_of(
    root: Path, partitions: int, url: str = "embedded", max_spread: float = 3.0
) -> Settings:
    """Return settings with the new panel; another spread makes another edition of it, which has
    read nothing yet."""
    return Settings(
        paths=Paths(home=root / "home", output=root / "output"),
        broker=BrokerSettings(url=url, partitions=partitions),
        judges=tuple(
            ModelJudge(kind="ollama", name=name, url="http://nowhere", model=f"model-{name}")
            for name in JUDGES
        ),
        panels=(Panel(name="default", judges=JUDGES, quorum=2, max_spread=max_spread),),
    )


def edition_of(settings: Settings) -> Edition:
    """Return what the panel is."""
    (panel,) = settings.all_panels
    return edition(panel, settings.judges)


def write_config(path: Path, settings: Settings) -> Path:
    """Write the settings down for a worker in a process of its own."""
    (panel,) = settings.all_panels
    judges = "".join(
        f'[[judges]]\nkind = "ollama"\nname = "{name}"\nurl = "http://nowhere"\n'
        f'model = "model-{name}"\n'
        for name in JUDGES
    )
    path.write_text(
        f'[paths]\nhome = "{settings.paths.home}"\noutput = "{settings.paths.output}"\n'
        f'[broker]\nurl = "{settings.broker.url}"\npartitions = {settings.broker.partitions}\n'
        f'{judges}[[panels]]\nname = "default"\njudges = {json.dumps(JUDGES)}\n'
        f"quorum = {panel.quorum}\nmax_spread = {panel.max_spread}\n"
        "[calibration]\nrequired = false\n",
        encoding="utf-8",
    )
    return path


def store(settings: Settings, turns: int) -> None:
    """Put the judgements on the topic."""
    broker = open_broker(settings)
    broker.ensure_topics()

    async def publish() -> None:
        batch: list[Outgoing] = []
        for turn_id, value in judgements(turns):
            batch.append(Outgoing(JUDGEMENTS, turn_id.encode(), value))
            if len(batch) == PUBLISHED:
                await broker.publish(batch)
                batch = []
        await broker.publish(batch)

    try:
        asyncio.run(publish())
    finally:
        broker.close()


def judgements(turns: int) -> Iterator[tuple[str, bytes]]:
    """Yield turn ids and judgements, one judge after the other."""
    dice = random.Random(1)
    for judge in JUDGES:
        for number in range(turns):
            turn_id = digest("turn", number)
            model, score = f"model-{judge}", dice.randrange(1, 11)
            near = [min(10, max(1, score + dice.randrange(-1, 2))) for _ in range(4)]
            yield (
                turn_id,
                Judgement(
                    id=judgement_id(turn_id, judge, model, "v1"),
                    turn_id=turn_id,
                    judge=judge,
                    kind="llm",
                    model=model,
                    rubric="v1",
                    status="scored",
                    scores=Scores(
                        tool_correctness=near[0],
                        task_completion=near[1],
                        instruction_adherence=near[2],
                        efficiency=near[3],
                        overall=score,
                    ),
                    rationale=" ".join(dice.choices(WORDS, k=30)),
                    tokens_in=2_500,
                    tokens_out=300,
                    latency_ms=4_000.0,
                ).to_bytes(),
            )
