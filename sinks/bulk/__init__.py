"""All pairs of a great many records at once, for a snapshot or to try out settings.

`PairsSink` makes a group's pairs again with every record that changes it, which is what a running
line needs. Here all records are taken in first, and each group is looked at once. What comes out is
the same.

The records go through files that are cut into shards (`shards`): first by turn, where the copy that
counts, the last verdict and the replies meet (`take`, `join`); from there by group and by session,
where partners meet (`place`, `pair`). Each shard is a piece of work of its own, read and written by
whichever process does it, so nothing large goes from one process to another and memory does not
grow with the number of records.
"""

from sinks.bulk.bulk import Bulk, Found, Paired
from sinks.bulk.frames import FrameWriter, Spot, SpotReader
from sinks.bulk.join import Joined, Tally, given_of, record_of, whole_turns_of
from sinks.bulk.place import kind_of
from sinks.bulk.shards import Shards, shards_for
from sinks.bulk.take import TOPICS, Taken, take

__all__ = [
    "TOPICS",
    "Bulk",
    "Found",
    "FrameWriter",
    "Joined",
    "Paired",
    "Shards",
    "Spot",
    "SpotReader",
    "Taken",
    "Tally",
    "given_of",
    "kind_of",
    "record_of",
    "shards_for",
    "take",
    "whole_turns_of",
]
