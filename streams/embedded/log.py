"""The log: topics of numbered records, and how far each consumer group has read them.

Synchronous, and free of asyncio and Faust, so that whatever only looks at the log stays small.
Every method may be called from any thread, and by several processes on one file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from streams.embedded.database import OFFSET_BITS, Database
from streams.embedded.partition import Tail
from streams.embedded.partition import bounds as partition_bounds
from streams.embedded.partition import read as read_partition
from streams.embedded.records import (
    MAX_RECORD_BYTES,
    Entry,
    Lag,
    LogError,
    Partition,
    Record,
    RecordTooLarge,
    StaleGeneration,
    Topic,
    UnknownTopic,
    encode_headers,
)
from streams.embedded.wake import wake


class Log:
    """One log file.

    Args:
        path: of the SQLite file, made with its folder if it is not there.
        synchronous: "full": an acknowledged record survives a power cut; "normal": it survives
            the death of every process, but the last second may be lost in a power cut.
        max_record_bytes: limit on one record's key, value and headers together.

    Raises:
        LogError: the file cannot be opened or is something else.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: str = "full",
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.database = Database(Path(path).absolute(), synchronous=synchronous)
        self.path = self.database.path
        self.max_record_bytes = max_record_bytes
        # A topic never changes its partitions, so what has been found once stays true.
        self._ids: dict[Partition, int] = {}

    @classmethod
    def from_url(cls, url: str) -> Log:
        """Open ``embedded:///absolute/path.db``, with ``?synchronous=normal`` if wished.

        Raises:
            LogError: it is not such a URL, or the file cannot be opened.
        """
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme != "embedded" or parts.netloc or not parts.path.startswith("/"):
            raise LogError(f"expected embedded:///absolute/path.db, not {url}")
        unknown = options.keys() - {"synchronous"}
        if unknown:
            raise LogError(f"unknown option {', '.join(sorted(unknown))} in {url}")
        return cls(unquote(parts.path), synchronous=options.get("synchronous", "full"))

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    @property
    def identity(self) -> str:
        """Names this log for good: 32 hexadecimal digits, made with the file."""
        with self.database.reading() as connection:
            (identity,) = connection.execute("SELECT identity FROM log").fetchone()
        return str(identity)

    # Topics

    def create_topic(
        self,
        name: str,
        partitions: int,
        *,
        retention_ms: int = -1,
        retention_bytes: int = -1,
        compact: bool = False,
    ) -> Topic:
        """Make the topic if there is none of this name, and return what there is then.

        What exists stays as it is: with another number of partitions its keys would move. Limits
        are changed by `set_retention`.

        Raises:
            LogError: fewer than one partition.
        """
        if partitions < 1:
            raise LogError(f"topic {name} needs at least one partition, not {partitions}")
        found = self.topic(name)
        if found is not None:
            return found
        with self.database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO topics"
                " (name, partitions, retention_ms, retention_bytes, compact)"
                " VALUES (?, ?, ?, ?, ?)",
                (name, partitions, retention_ms, retention_bytes, compact),
            )
            # Another process may have made it first, with another number of them.
            number, count = connection.execute(
                "SELECT id, partitions FROM topics WHERE name = ?", (name,)
            ).fetchone()
            connection.executemany(
                "INSERT OR IGNORE INTO partitions (topic, number) VALUES (?, ?)",
                [(number, partition) for partition in range(count)],
            )
        made = self.topic(name)
        assert made is not None
        return made

    def set_retention(
        self, name: str, *, retention_ms: int = -1, retention_bytes: int = -1
    ) -> None:
        """Change how long and how much of a topic is kept; -1 is for ever, and everything.

        Raises:
            UnknownTopic: there is no such topic.
        """
        with self.database.writing() as connection:
            changed = connection.execute(
                "UPDATE topics SET retention_ms = ?, retention_bytes = ? WHERE name = ?",
                (retention_ms, retention_bytes, name),
            ).rowcount
        if not changed:
            raise UnknownTopic(f"no topic {name} in {self.path}")

    def topic(self, name: str) -> Topic | None:
        """The topic of this name, or None."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT name, partitions, retention_ms, retention_bytes, compact"
                " FROM topics WHERE name = ?",
                (name,),
            ).fetchone()
        return Topic(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def topics(self) -> list[Topic]:
        """All topics, by name."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT name, partitions, retention_ms, retention_bytes, compact"
                " FROM topics ORDER BY name"
            ).fetchall()
        return [Topic(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has.

        Raises:
            UnknownTopic: there is no such topic.
        """
        found = self.topic(topic)
        if found is None:
            raise UnknownTopic(f"no topic {topic} in {self.path}")
        return found.partitions

    # Records

    def append_many(self, entries: Sequence[Entry]) -> list[int]:
        """Append all entries or none, and return their offsets in the same order.

        When it returns they are durable, and consumers of their topics have been woken. Offsets
        of a partition have no gaps; entries keep their order.

        Raises:
            RecordTooLarge, UnknownTopic, LogFull, LogError, TypeError: nothing was appended.
        """
        sizes, blobs = self._measure(entries)
        tails: dict[Partition, Tail] = {}
        offsets: list[int] = []
        rows: list[tuple[int, int, bytes | None, bytes | None, bytes | None]] = []
        with self.database.writing() as connection:
            for entry, size, blob in zip(entries, sizes, blobs, strict=True):
                at = (entry[0], entry[1])
                tail = tails.get(at)
                if tail is None:
                    tail = tails[at] = Tail(connection, self._id(connection, at))
                offset = tail.add(entry[2], size)
                offsets.append(offset)
                rows.append((tail.base | offset, entry[2], entry[3], blob, entry[4]))
            connection.executemany(
                "INSERT INTO records (id, time_ms, key, headers, value) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            for tail in tails.values():
                tail.store(connection)
        wake(self.database.side, {topic for topic, _ in tails})
        return offsets

    def _measure(self, entries: Sequence[Entry]) -> tuple[list[int], list[bytes | None]]:
        sizes: list[int] = []
        blobs: list[bytes | None] = []
        for topic, _, _, key, value, headers in entries:
            if not (isinstance(key, bytes | None) and isinstance(value, bytes | None)):
                raise TypeError(f"a record for {topic} whose key or value is not bytes")
            blob = encode_headers(headers) if headers else None
            size = len(key or b"") + len(value or b"") + len(blob or b"")
            if size > self.max_record_bytes:
                raise RecordTooLarge(
                    f"a record of {size} bytes for {topic}; the limit is {self.max_record_bytes}"
                )
            sizes.append(size)
            blobs.append(blob)
        return sizes, blobs

    def read(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        max_records: int = 500,
        max_bytes: int = 4 * 1024 * 1024,
    ) -> list[Record]:
        """Records from this offset on; at least one if there is any, however large.

        Offsets that retention or compaction has taken are passed over.

        Raises:
            UnknownTopic: there is no such partition.
        """
        with self.database.reading() as connection:
            base = self._id(connection, (topic, partition)) << OFFSET_BITS
            return read_partition(connection, base, offset, max_records, max_bytes)[0]

    def read_many(
        self,
        positions: Mapping[Partition, int],
        *,
        max_records: int = 500,
        max_bytes: int = 4 * 1024 * 1024,
    ) -> dict[Partition, list[Record]]:
        """Records of several partitions from each one's offset on; only those that have some.

        The limits are for all together. Each partition that has records gets an equal share, and
        what one does not use is left to those after it in `positions`.

        Raises:
            UnknownTopic: one of the partitions does not exist.
        """
        found: dict[Partition, list[Record]] = {}
        with self.database.reading() as connection:
            ids = {at: self._id(connection, at) for at in positions}
            ends = partition_bounds(connection, ids.values())
            waiting = [at for at in positions if ends[ids[at]][1] > positions[at]]
            for done, at in enumerate(waiting):
                share = len(waiting) - done
                records, size = read_partition(
                    connection,
                    ids[at] << OFFSET_BITS,
                    positions[at],
                    -(-max_records // share),
                    max(max_bytes // share, 1),
                )
                if records:
                    found[at] = records
                    max_records -= len(records)
                    max_bytes -= size
                if max_records <= 0 or max_bytes <= 0:
                    break
        return found

    # Where partitions begin and end

    def bounds(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """Low water and high water of each partition: its first offset and its next one.

        Raises:
            UnknownTopic: one of the partitions does not exist.
        """
        with self.database.reading() as connection:
            ids = {at: self._id(connection, at) for at in partitions}
            found = partition_bounds(connection, ids.values())
        return {at: found[number] for at, number in ids.items()}

    def high_water(self, topic: str, partition: int) -> int:
        """The offset that the next record will have."""
        return self.bounds([(topic, partition)])[topic, partition][1]

    def low_water(self, topic: str, partition: int) -> int:
        """The first offset that retention has left."""
        return self.bounds([(topic, partition)])[topic, partition][0]

    def offset_for_time(self, topic: str, partition: int, time_ms: int) -> int | None:
        """The first offset whose record has this time or a later one, or None if there is none.

        Raises:
            UnknownTopic: there is no such partition.
        """
        with self.database.reading() as connection:
            number = self._id(connection, (topic, partition))
            base = number << OFFSET_BITS
            low, high = partition_bounds(connection, [number])[number]
            (mark,) = connection.execute(
                "SELECT max(offset) FROM marks WHERE partition = ? AND latest_ms < ?",
                (number, time_ms),
            ).fetchone()
            row = connection.execute(
                "SELECT id FROM records WHERE id >= ? AND id < ? AND time_ms >= ?"
                " ORDER BY id LIMIT 1",
                (base | max(mark or 0, low), base | high, time_ms),
            ).fetchone()
        return row[0] - base if row else None

    # Consumer groups

    def new_generation(self, group: str) -> int:
        """Count a new active member of the group; the members before it can commit no more."""
        with self.database.writing() as connection:
            (generation,) = connection.execute(
                "INSERT INTO groups (name, generation) VALUES (?, 1)"
                " ON CONFLICT (name) DO UPDATE SET generation = generation + 1"
                " RETURNING generation",
                (group,),
            ).fetchone()
        return int(generation)

    def commit(
        self, group: str, offsets: Mapping[Partition, int], *, generation: int | None = None
    ) -> None:
        """Store for each partition the next offset the group is to read.

        Args:
            group: made if it is not there.
            offsets: may lie before those committed earlier.
            generation: of the member that commits; None commits as no member.

        Raises:
            StaleGeneration: another member has taken the group over.
            UnknownTopic: one of the partitions does not exist.
        """
        with self.database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO groups (name) VALUES (?)", (group,))
            if generation is not None:
                (current,) = connection.execute(
                    "SELECT generation FROM groups WHERE name = ?", (group,)
                ).fetchone()
                if current != generation:
                    raise StaleGeneration(
                        f"generation {generation} of {group} was replaced by {current}"
                    )
            connection.executemany(
                "INSERT OR REPLACE INTO commits (name, partition, offset) VALUES (?, ?, ?)",
                [(group, self._id(connection, at), offset) for at, offset in offsets.items()],
            )

    def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """The offset committed for each partition, or None where there is none.

        Raises:
            UnknownTopic: one of the partitions does not exist.
        """
        with self.database.reading() as connection:
            rows = dict(
                connection.execute("SELECT partition, offset FROM commits WHERE name = ?", (group,))
            )
            return {at: rows.get(self._id(connection, at)) for at in partitions}

    def groups(self) -> list[str]:
        """All groups that ever had a member or a commit, by name."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT name FROM groups ORDER BY name").fetchall()
        return [name for (name,) in rows]

    def lag(self, group: str, topic: str) -> dict[int, Lag]:
        """How far the group has come in each partition of the topic.

        Raises:
            UnknownTopic: there is no such topic.
        """
        partitions = [(topic, number) for number in range(self.partitions(topic))]
        committed = self.committed(group, partitions)
        bounds = self.bounds(partitions)
        return {at[1]: Lag(committed[at], *bounds[at]) for at in partitions}

    def _id(self, connection: sqlite3.Connection, at: Partition) -> int:
        found = self._ids.get(at)
        if found is None:
            row = connection.execute(
                "SELECT partitions.id FROM partitions JOIN topics ON topics.id = topic"
                " WHERE name = ? AND number = ?",
                tuple(at),
            ).fetchone()
            if row is None:
                raise UnknownTopic(f"no partition {at[1]} of topic {at[0]} in {self.path}")
            found = self._ids[at] = int(row[0])
        return found
