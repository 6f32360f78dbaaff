import random

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as kafka_murmur2

from streams.embedded.partitioner import Partitioner, key_partition, murmur2


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, digest: int) -> None:
    assert murmur2(key) == digest & 0xFFFFFFFF


def test_keys_go_where_aiokafka_sends_them() -> None:
    chance = random.Random(1)
    for count in (1, 3, 4, 7, 12):
        for size in range(40):
            key = chance.randbytes(size)
            partitions = list(range(count))
            assert murmur2(key) == kafka_murmur2(key) & 0xFFFFFFFF
            assert key_partition(key, count) == DefaultPartitioner()(key, partitions, partitions)


def test_records_without_a_key_take_turns() -> None:
    place = Partitioner()
    assert [place(None, 3) for _ in range(6)] == [0, 1, 2, 0, 1, 2]
    assert place(b"", 3) == key_partition(b"", 3)


def test_a_partitioner_of_ones_own_is_asked() -> None:
    place = Partitioner(lambda key, all_partitions, _: len(key or b"") % len(all_partitions))
    assert place(b"four", 3) == 1
