"""Which partition a record goes to: Kafka's default partitioner.

Written out because importing aiokafka's takes a tenth of a second and 20 MB, which the processes
that append without Faust have no other use for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit MurmurHash2, as org.apache.kafka.common.utils.Utils.murmur2 has it."""
    length = len(data)
    digest = 0x9747B28C ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        digest = (digest * _MULTIPLIER & _MASK) ^ word
    if whole < length:
        digest = (digest ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    digest = (digest ^ digest >> 13) * _MULTIPLIER & _MASK
    return digest ^ digest >> 15


@lru_cache(maxsize=8192)
def key_partition(key: bytes, partitions: int) -> int:
    """The partition of a key among so many; the same as Kafka's."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class Partitioner:
    """Places keyed records by their key and the others in turn.

    Args:
        custom: a function of Kafka's signature (key, all partitions, those available) to use
            instead.
    """

    def __init__(
        self, custom: Callable[[bytes | None, Sequence[int], Sequence[int]], int] | None = None
    ) -> None:
        self._custom = custom
        self._turn = itertools.count()

    def __call__(self, key: bytes | None, partitions: int) -> int:
        """The partition, from 0, for a record with this key; an empty key is a key."""
        if self._custom is not None:
            return self._custom(key, range(partitions), range(partitions))
        if key is None:
            return next(self._turn) % partitions
        return key_partition(key, partitions)
