"""What is sent arrives: where, in which order and with what in it."""

import os
import time

import pytest
from aiokafka.partitioner import DefaultPartitioner
from faust.exceptions import ProducerSendError


async def test_keys_go_where_kafkas_default_partitioner_puts_them(apps):
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        for number in range(40):
            key = b"key-%d" % number
            metadata = await (await topic.send(key=key, value=b"v"))
            assert metadata.partition == DefaultPartitioner()(key, [0, 1, 2, 3], [0, 1, 2, 3])
            assert app.producer.key_partition("in", key) == ("in", metadata.partition)


async def test_records_without_a_key_are_spread(apps):
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        sent = [await topic.send(value=b"v") for _ in range(40)]
        assert len({(await each).partition for each in sent}) > 1


async def test_offsets_are_dense_and_order_is_kept_in_a_partition(apps, broker):
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        topic = apps.topic(app, "in")
        sent = [await topic.send(key=b"%d" % (n % 7), value=b"%d" % n) for n in range(500)]
        places = [((await each).partition, (await each).offset) for each in sent]
        await seen.wait_for(500)
    for partition in range(4):
        mine = [number for number, place in enumerate(places) if place[0] == partition]
        assert [places[number][1] for number in mine] == list(range(len(mine)))
        assert broker.high_water("in", partition) == len(mine)
        got = [event for event in seen.events if event.message.partition == partition]
        assert [event.message.offset for event in got] == list(range(len(mine)))
        assert [int(event.value) for event in got] == mine


async def test_a_record_keeps_its_headers_time_key_and_value(apps):
    app = apps.new()
    seen = apps.reader(app)
    when = time.time() - 3600
    async with apps.running(app):
        topic = apps.topic(app, "in")
        await topic.send(
            key=b"k", value=b"v", timestamp=when, headers={"a": b"1", "b": b"\x00\xff"}
        )
        (event,) = await seen.wait_for(1)
    assert (event.key, event.value) == (b"k", b"v")
    assert event.headers == {"a": b"1", "b": b"\x00\xff"}
    assert event.message.timestamp == pytest.approx(when, abs=0.002)


async def test_an_empty_value_and_a_missing_one_are_two_things(apps):
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        for key, value in ((b"k", b""), (b"k", None)):
            await (await app.producer.send("in", key, value, None, None, None))
        await seen.wait_for(2)
    assert [event.message.value for event in seen.events] == [b"", None]


async def test_a_record_of_eight_megabytes_passes(apps):
    app = apps.new()
    seen = apps.reader(app)
    large = os.urandom(8_000_000)
    async with apps.running(app):
        await (await apps.topic(app, "in").send(key=b"k", value=large))
        (event,) = await seen.wait_for(1)
    assert event.value == large


async def test_a_record_beyond_the_limit_is_refused_and_the_next_one_is_not(apps):
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        with pytest.raises(ProducerSendError):
            await (await topic.send(key=b"k", value=b"x" * 20_000_000))
        assert (await (await topic.send(key=b"k", value=b"v"))).offset == 0


async def test_an_agent_forwards(apps):
    app = apps.new()
    target = apps.topic(app, "out")

    @app.agent(apps.topic(app, "in"))
    async def forward(stream):
        async for event in stream.events():
            await event.forward(target, value=event.value.upper())

    seen = apps.reader(app, "out")
    async with apps.running(app):
        for number in range(20):
            await apps.topic(app, "in").send(key=b"%d" % number, value=b"v%d" % number)
        await seen.wait_for(20)
    assert sorted(seen.values) == sorted(b"V%d" % number for number in range(20))
