"""Forgetting on a line that has run on Kafka: no topic and no file holds what was forgotten, and
the line goes on as if it had never been."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.forget.home import journal_path
from streams.status import checks
from tests.streams.forget.test_line import COMMAND, START, Line
from tests.support.kafka import KafkaProcess
from tests.support.pairing import pairing

SESSIONS = pairing(3, START)
GONE = SESSIONS[1].id
SAID = "boiler"
"""What only that session speaks of."""


Topics = dict[tuple[str, int, int], tuple[int, bytes | None, bytes | None]]
"""Time, key and value of each record, by topic, partition and offset."""


class KafkaLine(Line):
    """A line with topics of its own on a Kafka."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.url = url.removeprefix("kafka://")
        self.prefix = f"forget-{uuid.uuid4().hex[:8]}"
        self.environ |= {
            "CLAWBACK_BROKER__URL": url,
            "CLAWBACK_BROKER__PREFIX": self.prefix,
            "CLAWBACK_BROKER__PARTITIONS": "2",
        }

    def everything(self) -> Topics:
        """All that a consumer gets that reads the line's topics from the beginning."""
        return asyncio.run(self._everything())

    async def _everything(
        self,
    ) -> Topics:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.url)
        await admin.start()
        places = [
            TopicPartition(topic["topic"], number)
            for topic in await admin.describe_topics()
            for number in range(len(topic["partitions"]))
            if topic["topic"].startswith(f"{self.prefix}.") and "rewritings" not in topic["topic"]
        ]
        await admin.close()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.url, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning()
        found = {}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=100)).items():
                for each in records:
                    at = (place.topic.removeprefix(f"{self.prefix}."), place.partition, each.offset)
                    found[at] = (each.timestamp, each.key, each.value)
        await consumer.stop()
        return found

    def progress(self) -> dict[str, tuple[int, int]]:
        """What each stage has committed, and how much it has still to read."""
        done = subprocess.run(
            [*COMMAND, "status", "--json"],
            capture_output=True,
            cwd=self.folder,
            env=self.environ,
            timeout=60,
            check=False,
        )
        told = json.loads(done.stdout)
        return {each["stage"]: (each["committed"], each["lag"]) for each in told["stages"]}


def snapshot(line: Line) -> str:
    """The fingerprint of the data set that is made of all there is."""
    line.call("pairs", "snapshot", "--processes", "0")
    (manifest,) = (line.folder / "output/snapshots").rglob("manifest.json")
    return manifest.parent.name


@pytest.fixture(scope="module")
def line(kafka: KafkaProcess, tmp_path_factory: pytest.TempPathFactory) -> KafkaLine:
    """A line that has run over three sessions; the tests below go on from one another."""
    made = KafkaLine(tmp_path_factory.mktemp("line"), kafka.url)
    for session in SESSIONS:
        made.write(session)
    made.run()
    assert made.holding(SAID)
    return made


def test_a_dry_run_changes_nothing_and_says_what_would_go(line: KafkaLine) -> None:
    before, files = line.everything(), line.holding(SAID)
    found = json.loads(line.call("forget", GONE, "--dry-run", "--json"))
    assert (found["kind"], found["sessions"]) == ("session", [GONE])
    assert found["records"][f"{line.prefix}.turns"] == found["turns"] == 3
    assert line.everything() == before
    assert line.holding(SAID) == files
    assert not (line.folder / "home/privacy/forgotten.jsonl").exists()
    assert not journal_path(line.folder / "home").exists()


def test_it_is_gone_from_every_topic_and_nothing_else_has_moved(line: KafkaLine) -> None:
    before, progress = line.everything(), line.progress()
    found = json.loads(line.call("forget", GONE, "--yes", "--json"))
    after = line.everything()
    assert after.keys() == before.keys()
    empty = {at for at, (_, key, value) in after.items() if key is None and value is None}
    assert Counter(topic for topic, _, _ in empty) == {
        name.removeprefix(f"{line.prefix}."): count for name, count in found["records"].items()
    }
    assert {at: each for at, each in after.items() if at not in empty} == {
        at: each for at, each in before.items() if at not in empty
    }
    assert all(after[at][0] == before[at][0] for at in empty)
    for at, (_, key, value) in after.items():
        assert SAID.encode() not in (value or b""), at
        assert GONE.encode() not in (key or b"") + (value or b""), at
    assert line.holding(SAID) == []
    now = line.progress()
    # It publishes its pairs anew, so it reads everything again.
    read, _ = progress.pop("pairs")
    assert now.pop("pairs") == (0, read)
    assert now == progress


def test_the_line_goes_on_as_if_it_had_never_been(line: KafkaLine) -> None:
    later = pairing(4, START)[3]
    line.write(later)
    line.run()
    assert line.holding(SAID) == []
    assert all(lag == 0 for _, lag in line.progress().values())
    assert not any(topic == "deadletters" for topic, _, _ in line.everything())
    never = Line(line.folder / "never")
    for session in (*SESSIONS, later):
        if session.id != GONE:
            never.write(session)
    never.run()
    assert never.turns() == line.turns()
    assert snapshot(line) == snapshot(never)


def test_nothing_starts_while_a_journal_is_there(line: KafkaLine) -> None:
    journal = journal_path(line.folder / "home")
    journal.write_text("{}")
    for command in (["run", "--until-idle"], ["worker", "extract"]):
        assert "`clawback forget --resume`" in line.call(*command, code=1)
    (found,) = checks.forgetting(line.folder / "home")
    assert (found.level, found.advice) == ("problem", "clawback forget --resume")
    assert "is damaged" in line.call("forget", "--resume", code=1)
    journal.unlink()
    assert line.call("forget", "--resume") == ""
    assert not list(checks.forgetting(line.folder / "home"))
    assert "--resume alone" in line.call("forget", "x", "--resume", code=2)
