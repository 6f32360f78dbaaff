"""`clawback replay --from entries`: a lineage beside the live line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from schemas.settings import Settings
from streams.broker import EmbeddedBroker, log_path
from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.embedded.topics import LogTopics
from streams.settings import load
from streams.status.flow import measure
from streams.tail.checkpoint import Checkpoints
from streams.tail.tailer import Tailer
from tests.support.sessions import write_sessions

Call = Callable[..., Result]


@pytest.fixture
async def settings(call: Call, tmp_path: Path) -> Settings:  # noqa: ARG001 - empties the environment
    """A home whose tailer has read some sessions, and nothing else has run."""
    file = tmp_path / "clawback.toml"
    file.write_text(
        f'[paths]\nhome = "{tmp_path}/state"\noutput = "{tmp_path}/output"\n'
        f'openclaw = ["{tmp_path}/openclaw"]\n'
    )
    write_sessions(tmp_path / "openclaw", range(3), 5)
    for path in (tmp_path / "openclaw").rglob("*.jsonl"):
        os.utime(path, (1_770_000_000, 1_770_000_000))
    made = load(file)
    broker = EmbeddedBroker(log_path(made), made)
    broker.ensure_topics()
    (made.paths.home / "tail").mkdir(parents=True)
    checkpoints = Checkpoints(made.paths.home / "tail" / "c.db")
    tailer = Tailer(made, broker, checkpoints)
    await tailer.drain()
    tailer.close()
    checkpoints.close()
    broker.close()
    return made


def counts(settings: Settings, prefix: str) -> dict[str, int]:
    topics = LogTopics(Log(log_path(settings)), prefix)
    found = {each.name: each.records for each in asyncio.run(measure(topics, ())).topics}
    topics.close()
    return found


def lines(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted((path / "turns").glob("*.jsonl")))


def test_a_lineage_writes_its_own_and_leaves_the_live_line_alone(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    before = counts(settings, "clawback")
    first = call("replay", "--from", "entries", "--lineage", "one", "--yes", "--json")
    assert first.exit_code == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["judged"] == 3 * told["candidates"] > 0
    assert counts(settings, "clawback") == before
    mine = counts(settings, "clawback-one")
    assert (mine["entries"], mine["turns"], mine["candidates"]) == (0, 15, told["candidates"])
    written = lines(tmp_path / "output/lineages/one")
    assert written.count(b"\n") == 15
    # Once more: nothing is left to do, and nothing changes.
    again = json.loads(
        call("replay", "--from", "entries", "--lineage", "one", "--yes", "--json").stdout
    )
    assert again["judged"] == again["judgements_reused"] == 0
    assert lines(tmp_path / "output/lineages/one") == written


def test_turns_that_come_out_the_same_keep_their_judgements(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    # A lineage of the live name's rules stands for the live line here.
    live = settings.model_copy(
        update={"broker": settings.broker.model_copy(update={"prefix": "clawback-live"})}
    )
    call("replay", "--from", "entries", "--lineage", "live", "--yes")
    for topic in ("candidates", "judgements"):
        _copy(settings, live, topic)
    same = call("replay", "--from", "entries", "--lineage", "same", "--yes", "--json")
    told = json.loads(same.stdout)
    assert (told["judged"], told["judgements_reused"]) == (0, 3 * told["candidates"])
    assert lines(tmp_path / "output/lineages/same") == lines(tmp_path / "output/lineages/live")
    file = tmp_path / "clawback.toml"
    file.write_text(f"{file.read_text()}[extract]\ncontext_chars = 50\n")
    other = json.loads(
        call("replay", "--from", "entries", "--lineage", "other", "--yes", "--json").stdout
    )
    assert other["judged"] > 0
    assert other["judged"] + other["judgements_reused"] == 3 * other["candidates"]


@pytest.mark.usefixtures("settings")
def test_other_rules_need_another_name(call: Call, tmp_path: Path) -> None:
    call("replay", "--from", "entries", "--lineage", "one", "--yes")
    file = tmp_path / "clawback.toml"
    file.write_text(f"{file.read_text()}[prefilter.short]\nmin_chars = 5000\n")
    refused = call("replay", "--from", "entries", "--lineage", "one", "--yes")
    assert refused.exit_code == 1
    assert "give this one another name" in refused.stderr
    done = call("replay", "--from", "entries", "--lineage", "two", "--yes", "--json")
    assert json.loads(done.stdout)["candidates"] == 0
    # Turns that are dropped are in the turn files, with the rule that dropped them.
    assert lines(tmp_path / "output/lineages/two").count(b'"status":"skipped"') >= 15


def _copy(settings: Settings, live: Settings, topic: str) -> None:
    source = EmbeddedBroker(log_path(settings), live)
    for number in range(settings.broker.partitions):
        records = source.log.read(f"clawback-live.{topic}", number, 0, max_records=10_000)
        source.log.append_many(
            [Entry(f"clawback.{topic}", number, r.time_ms, r.key, r.value) for r in records]
        )
    source.close()
