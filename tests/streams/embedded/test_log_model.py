"""The log against a dictionary of lists."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streams.embedded.compaction import compact
from streams.embedded.log import Log
from streams.embedded.records import Entry, Record
from streams.embedded.retention import enforce_retention

PARTITIONS = [("keep", 0), ("keep", 1), ("limited", 0), ("compact", 0)]
RETENTION_MS = 50
RETENTION_BYTES = 200

keys = st.sampled_from([None, b"", b"a", b"b", b"c"])
values = st.one_of(st.none(), st.binary(max_size=60))
headers = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=3)), max_size=2).map(tuple)
times = st.integers(min_value=0, max_value=300)
entries = st.builds(
    lambda at, time_ms, key, value, headers: Entry(*at, time_ms, key, value, headers),
    st.sampled_from(PARTITIONS),
    times,
    keys,
    values,
    headers,
)


@dataclass
class Model:
    low: int = 0
    next: int = 0
    records: list[Record] = field(default_factory=list)
    committed: int | None = None

    @property
    def size(self) -> int:
        return sum(weight(record) for record in self.records)


def weight(record: Record) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(8 + len(name.encode()) + len(value) for name, value in record.headers)


class LogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "log.db"
        self.log = Log(self.path, synchronous="normal")
        self.log.create_topic("keep", 2)
        self.log.create_topic(
            "limited", 1, retention_ms=RETENTION_MS, retention_bytes=RETENTION_BYTES
        )
        self.log.create_topic("compact", 1, compact=True)
        self.model = {at: Model() for at in PARTITIONS}

    @rule(batch=st.lists(entries, min_size=1, max_size=30))
    def append(self, batch: list[Entry]) -> None:
        offsets = self.log.append_many(batch)
        for entry, offset in zip(batch, offsets, strict=True):
            model = self.model[entry.topic, entry.partition]
            assert offset == model.next
            model.next += 1
            model.records.append(Record(offset, *entry[2:]))

    @rule(at=st.sampled_from(PARTITIONS), offset=st.integers(0, 200), count=st.integers(1, 50))
    def read(self, at: tuple[str, int], offset: int, count: int) -> None:
        expected = [record for record in self.model[at].records if record.offset >= offset]
        assert self.log.read(*at, offset, max_records=count) == expected[:count]

    @rule(at=st.sampled_from(PARTITIONS), offset=st.integers(0, 200))
    def commit(self, at: tuple[str, int], offset: int) -> None:
        self.log.commit("group", {at: offset})
        self.model[at].committed = offset

    @rule(at=st.sampled_from(PARTITIONS), time_ms=times)
    def find_time(self, at: tuple[str, int], time_ms: int) -> None:
        found = [r.offset for r in self.model[at].records if r.time_ms >= time_ms]
        assert self.log.offset_for_time(*at, time_ms) == min(found, default=None)

    @rule(now_ms=times)
    def retain(self, now_ms: int) -> None:
        enforce_retention(self.log, now_ms)
        model = self.model["limited", 0]
        while model.records and (
            model.records[0].time_ms < now_ms - RETENTION_MS or model.size > RETENTION_BYTES
        ):
            model.low = model.records.pop(0).offset + 1

    @rule()
    def compact(self) -> None:
        compact(self.log, 0, min_dirty=0, dirty_ratio=0)
        model = self.model["compact", 0]
        newest = {record.key: record.offset for record in model.records}
        model.records = [r for r in model.records if r.key is None or newest[r.key] == r.offset]

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = Log(self.path, synchronous="normal")

    @invariant()
    def agrees(self) -> None:
        assert self.log.bounds(PARTITIONS) == {
            at: (model.low, model.next) for at, model in self.model.items()
        }
        assert self.log.committed("group", PARTITIONS) == {
            at: model.committed for at, model in self.model.items()
        }
        expected = {at: model.records for at, model in self.model.items() if model.records}
        assert self.log.read_many(dict.fromkeys(PARTITIONS, 0), max_records=10_000) == expected

    def teardown(self) -> None:
        self.log.close()
        self.folder.cleanup()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
