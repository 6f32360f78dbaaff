"""The records of all turns at once, and the pairs made of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from schemas.pair import PreferencePair
from schemas.review import Review
from schemas.settings import Pairs
from sinks.bulk.families import families
from sinks.bulk.frames import FrameWriter, Spot, SpotReader, heads
from sinks.bulk.join import Joined, Tally, join, whole_turns_of
from sinks.bulk.pair import pair
from sinks.bulk.place import PAIRS, Made, Task, leave, place
from sinks.bulk.shards import Shards
from sinks.kept import settled
from sinks.mends import AsksAgain
from sinks.spread import Spread

REVIEWED: Final = "reviewed"
"""The file of pairs that persons have spoken about."""


class Found(NamedTuple):
    """A pair that was made: its id, its two turns, whose they are, and where the rest stands."""

    id: str
    chosen: str
    rejected: str
    agent: str
    spot: Spot


@dataclass(frozen=True)
class Paired:
    """All pairs made by some settings, and those that persons want otherwise as they want them.

    `made` counts by strategy what was made, whatever persons have said of it. `spoken` are the ids
    of the pairs that they have spoken about.
    """

    shards: Shards
    run: str
    made: Made
    spoken: frozenset[str]

    def files(self) -> list[str]:
        """Return the files in which the pairs stand, in no order that means anything."""
        folder = self.shards.folder / self.run / PAIRS
        return [f"{self.run}/{PAIRS}/{path.name}" for path in sorted(folder.glob("*"))]

    def found(self, file: str) -> Iterator[Found]:
        """Yield the pairs of a file."""
        made = not file.endswith(REVIEWED)
        for head, spot in heads(self.shards.folder, file):
            if not (made and head[0] in self.spoken):
                yield Found._make((*head, spot))

    def pairs(self) -> Iterator[PreferencePair]:
        """Yield all pairs."""
        with SpotReader(self.shards.folder) as reader:
            for file in self.files():
                for found in self.found(file):
                    yield PreferencePair.from_bytes(reader.read(found.spot))

    def drop(self) -> None:
        """Remove the pairs."""
        shutil.rmtree(self.shards.folder / self.run, ignore_errors=True)


class Bulk:
    """All records that pairs are made of, taken in (`take`) and then joined by turn.

    Args:
        shards: where they are.
        panel: whose scores count, by its label.
        reviews: what persons said of pairs.
        spread: shares out the joining.
    """

    def __init__(
        self, shards: Shards, panel: str, reviews: Iterable[Review], spread: Spread
    ) -> None:
        self.shards = shards
        self.panel = panel
        self.tally = Tally()
        self._runs = 0
        last: dict[str, Review] = {}
        for review in reviews:
            before = last.get(review.pair.id)
            if before is None or (before.at_ms, before.id) < (review.at_ms, review.id):
                last[review.pair.id] = review
        self._reviews = last
        sides = (side for each in last.values() for side in (each.pair.chosen, each.pair.rejected))
        wanted = frozenset(side.turn_id for side in sides)
        for tally in spread(partial(join, shards, wanted), range(shards.count)):
            self.tally.add(tally)
        self.families = families(self.tally.links)
        """By session, the family of those that hold the same turns; only where there are such."""

    def pair(self, rules: Pairs, asks_again: AsksAgain, spread: Spread) -> Paired:
        """Make all pairs, as `PairsSink` does of the same records.

        Args:
            rules: the thresholds, the strategies, and how many pairs are made.
            asks_again: hears whether the user asks again for the same, or corrects.
            spread: shares out the work.
        """
        self._runs += 1
        task = Task(self.shards, self.panel, rules, asks_again, f"run-{self._runs}")
        made = Made()
        for step in (place, pair):
            for each in spread(partial(step, task), range(self.shards.count)):
                made += each
        with FrameWriter(self.shards.folder) as frames:
            for found, agent in self._reviewed():
                leave([found], agent, task, REVIEWED, frames, Made())
        return Paired(self.shards, task.run, made, frozenset(self._reviews))

    def turns(self) -> Iterator[tuple[Joined, bytes]]:
        """Yield all turns that can be a side, by their ids, each with what `given_of` and
        `record_of` read."""
        for shard in range(self.shards.count):
            yield from whole_turns_of(self.shards, shard)

    def _reviewed(self) -> Iterator[tuple[PreferencePair, str]]:
        for review in self._reviews.values():
            found = settled(review)
            if found is not None:
                sides = (found.chosen.turn_id, found.rejected.turn_id)
                agents = (self.tally.agents.get(each, "") for each in sides)
                yield found, next(filter(None, agents), "")
