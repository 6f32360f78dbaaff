"""How far forgetting has come, so that after a kill it goes on from there.

`privacy/rewriting.json` is there from before the first topic is touched until the last file is
rewritten; until then no stage starts. It holds what was to be forgotten, since the files that have
it are rewritten last; it may be read by its owner alone, and goes with the end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from schemas.record import Part, Record
from sinks.atomic import remove as remove_file
from sinks.atomic import replace, stamp
from streams.forget.find import Found
from streams.forget.home import PrivacyError, journal_path
from streams.forget.target import Kind, Target

Phase = Literal["copying", "verified", "restored", "done"]

EMBEDDED: Final = "embedded"
"""Stands for the embedded log where a cluster's identity would."""


class Stretch(Part):
    """A partition: its records lie in [low, end), and have this digest once it is rewritten."""

    low: int
    end: int
    digest: str = ""


class Topic(Part):
    """A topic that is rewritten, and the offsets of what goes from it.

    How it is made and how far it has come count on Kafka alone: the embedded log is rewritten in
    one transaction.

    `copying`: it is whole, with what goes. `verified`: its copy is whole; of the topic itself
    nothing may be left. `restored`: it is whole, without what goes. `done`: the copy is gone too.
    """

    phase: Phase = "copying"
    partitions: int = 0
    replication: int = 0
    configs: dict[str, str] = {}
    doomed: dict[int, tuple[int, ...]]
    stretches: tuple[Stretch, ...] = ()


class Commit(Part):
    """What a consumer group has committed of one partition."""

    topic: str
    partition: int
    offset: int
    metadata: str = ""


class Journal(Record):
    """One forgetting under way: what, what it found, and the topics and groups it moves.

    `broker` is the identity of the cluster and the prefix that it is under way on, or `EMBEDDED`.
    `groups` are what they are to have committed in the end.
    """

    broker: str
    kind: Kind
    given: str
    turns: frozenset[str]
    sessions: frozenset[str]
    copies: frozenset[str]
    pairs: frozenset[str]
    lines: tuple[str, ...]
    definitions: tuple[str, ...]
    first_pair_ms: int | None
    topics: dict[str, Topic]
    groups: dict[str, tuple[Commit, ...]]

    @classmethod
    def begin(
        cls,
        broker: str,
        target: Target,
        found: Found,
        topics: dict[str, Topic],
        groups: dict[str, tuple[Commit, ...]],
    ) -> Journal:
        """Return one of which nothing is done."""
        return cls(
            broker=broker,
            kind=target.kind,
            given=target.given,
            turns=frozenset(found.turns),
            sessions=frozenset(found.sessions),
            copies=frozenset(found.copies),
            pairs=frozenset(found.pairs),
            lines=tuple(found.lines),
            definitions=tuple(found.definitions),
            first_pair_ms=found.first_pair_ms,
            topics=topics,
            groups=groups,
        )

    @property
    def target(self) -> Target:
        """What is forgotten."""
        return Target(self.kind, self.given)

    @property
    def found(self) -> Found:
        """What goes with it."""
        offsets = {
            (name, number): list(doomed)
            for name, topic in self.topics.items()
            for number, doomed in topic.doomed.items()
        }
        counts = Counter(dict.fromkeys(self.topics, 0))
        for (name, _), doomed in offsets.items():
            counts[name] += len(doomed)
        return Found(
            offsets=offsets,
            topics=counts,
            turns=set(self.turns),
            sessions=set(self.sessions),
            copies=set(self.copies),
            lines=list(self.lines),
            definitions=list(self.definitions),
            pairs=set(self.pairs),
            first_pair_ms=self.first_pair_ms,
        )


def doomed_by_topic(found: Found) -> dict[str, dict[int, tuple[int, ...]]]:
    """Return the offsets of what goes, by topic and partition."""
    doomed: dict[str, dict[int, tuple[int, ...]]] = {}
    for (name, number), offsets in sorted(found.offsets.items()):
        doomed.setdefault(name, {})[number] = tuple(offsets)
    return doomed


def read(home: Path) -> Journal | None:
    """Return what is under way, or None.

    Raises:
        PrivacyError: it can't be read.
    """
    path = journal_path(home)
    try:
        return Journal.from_bytes(path.read_bytes()) if path.exists() else None
    except OSError as error:
        raise PrivacyError(f"can't read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        raise PrivacyError(
            f"{path} is damaged: it says how far forgetting has come. Restore it; without it, on "
            "Kafka look with kafka-topics.sh --list for topics that end in .rewriting: each is a "
            "whole copy of a topic that may be gone"
        ) from error


def write(home: Path, journal: Journal) -> None:
    """Write it down, durably.

    Raises:
        SinkError: it can't be written; what was written before still stands.
    """
    path = journal_path(home)
    replace(path, [journal.to_bytes(), b"\n"], stamp(path))


def remove(home: Path) -> None:
    """Forget it: all is done.

    Raises:
        SinkError: it can't be removed.
    """
    path = journal_path(home)
    seen = stamp(path)
    if seen is not None:
        remove_file(path, seen)
