"""How far forgetting on Kafka has come, so that after a kill it goes on from there.

`privacy/rewriting.json` is there from before the first topic is touched until the last file is
rewritten. It holds what was to be forgotten, since the files that have it are rewritten last; it
may be read by its owner alone, and goes with the end.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from schemas.record import Part, Record
from sinks.atomic import remove as remove_file
from sinks.atomic import replace, stamp
from streams.forget.find import Found
from streams.forget.home import PrivacyError, journal_path
from streams.forget.target import Kind, Target

Phase = Literal["copying", "verified", "restored", "done"]


class Stretch(Part):
    """A partition: its records lie in [low, end), and have this digest once it is rewritten."""

    low: int
    end: int
    digest: str = ""


class Topic(Part):
    """A topic that is rewritten.

    `copying`: it is whole, with what goes. `verified`: its copy is whole; of the topic itself
    nothing may be left. `restored`: it is whole, without what goes. `done`: the copy is gone too.
    """

    phase: Phase = "copying"
    partitions: int
    replication: int
    configs: dict[str, str]
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

    `broker` is the identity of the cluster and the prefix that it is under way on.
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
            f"{path} is damaged: it says how far forgetting has come. Restore it; without it, look "
            "with kafka-topics.sh --list for topics that end in .rewriting: each is a whole copy "
            "of a topic that may be gone"
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
