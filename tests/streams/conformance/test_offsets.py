"""Where a group stands, and how it gets elsewhere."""

import asyncio

from faust.types import TP


async def fill(apps, count: int, **kwargs) -> None:
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        sent = [
            await topic.send(key=b"k", value=b"%d" % n, partition=1, **kwargs) for n in range(count)
        ]
        for each in sent:
            await each


async def test_a_new_group_reads_from_the_start(apps):
    await fill(apps, 10)
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        await seen.wait_for(10)
    assert seen.places == [(1, offset) for offset in range(10)]


async def test_a_group_goes_on_after_what_it_has_committed(apps, broker, eventually):
    await fill(apps, 10)
    for start in (0, 10):
        app = apps.new()
        seen = apps.reader(app)
        async with apps.running(app):
            await seen.wait_for(10)
            await eventually(lambda: broker.committed("app", "in", 1) is not None)
        assert broker.committed("app", "in", 1) == start + 10
        assert seen.places == [(1, offset) for offset in range(start, start + 10)]
        await fill(apps, 10)


async def test_groups_stand_where_each_has_come(apps, broker):
    await fill(apps, 5)
    one, two = apps.new("one"), apps.new("two")
    first, second = apps.reader(one), apps.reader(two)
    async with apps.running(one):
        await first.wait_for(5)
        await _until_committed(broker, "one", 5)
    assert broker.committed("two", "in", 1) is None
    async with apps.running(two):
        await second.wait_for(5)
        await _until_committed(broker, "two", 5)
    assert broker.committed("one", "in", 1) == 5


async def _until_committed(broker, group, offset):
    """An event is acknowledged after it has been seen, and committed after that."""
    async with asyncio.timeout(30):
        while await asyncio.to_thread(broker.committed, group, "in", 1) != offset:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_seeking_back_reads_again(apps):
    await fill(apps, 10)
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        await seen.wait_for(10)
        await app.consumer.seek(TP("in", 1), 7)
        await seen.wait_for(13)
        assert await app.consumer.position(TP("in", 1)) == 10
    assert seen.places[10:] == [(1, 7), (1, 8), (1, 9)]


async def test_first_and_next_offsets(apps):
    await fill(apps, 3)
    app = apps.new()
    apps.reader(app)
    async with apps.running(app) as app:
        tps = [TP("in", number) for number in range(4)]
        assert app.consumer.assignment() == set(tps)
        assert await app.consumer.earliest_offsets(*tps) == dict.fromkeys(tps, 0)
        assert await app.consumer.highwaters(*tps) == {
            tp: 3 if tp.partition == 1 else 0 for tp in tps
        }
        assert app.consumer.topic_partitions("in") == 4


async def test_offsets_by_time(apps, broker):
    for second in (100.0, 200.0, 300.0):
        await fill(apps, 2, timestamp=second)
    for time_ms, offset in ((0, 0), (100_000, 0), (100_001, 2), (300_000, 4), (300_001, None)):
        assert broker.offset_for_time("in", 1, time_ms) == offset


async def test_a_paused_partition_loses_nothing(apps):
    app = apps.new()
    seen = apps.reader(app)
    tp = TP("in", 1)
    async with apps.running(app):
        topic = apps.topic(app, "in")
        await topic.send(key=b"k", value=b"1", partition=1)
        await seen.wait_for(1)
        app.consumer.pause_partitions([tp])
        for value in (b"2", b"3"):
            await (await topic.send(key=b"k", value=value, partition=1))
        await topic.send(key=b"k", value=b"other", partition=2)
        await seen.wait_for(2)
        assert seen.values == [b"1", b"other"]
        app.consumer.resume_partitions([tp])
        await seen.wait_for(4)
    assert seen.values == [b"1", b"other", b"2", b"3"]


async def test_a_full_buffer_loses_nothing(apps):
    await fill(apps, 2000)
    app = apps.new(stream_buffer_maxsize=16)
    seen = apps.reader(app)
    async with apps.running(app):
        await seen.wait_for(2000)
    assert seen.places == [(1, offset) for offset in range(2000)]


async def test_what_an_agent_has_not_finished_is_not_committed(apps, broker, eventually):
    await fill(apps, 6)
    app = apps.new()
    taken = []

    @app.agent(apps.topic(app, "in"))
    async def hold(stream):
        async for events in stream.noack_take(6, within=5):
            taken.extend(events)
            for number in (0, 1, 3):
                events[number].ack()

    async with apps.running(app):
        await eventually(lambda: len(taken) == 6)
        await eventually(lambda: broker.committed("app", "in", 1) == 2)
    assert broker.committed("app", "in", 1) == 2


async def test_what_was_never_acknowledged_is_not_committed_at_all(apps, broker, eventually):
    await fill(apps, 6)
    app = apps.new()
    taken = []

    @app.agent(apps.topic(app, "in"))
    async def hold(stream):
        async for events in stream.noack_take(6, within=5):
            taken.extend(events)
            for event in events[1:]:
                event.ack()

    async with apps.running(app):
        await eventually(lambda: len(taken) == 6)
        await app.consumer.commit()
    assert broker.committed("app", "in", 1) is None


async def test_seeking_forward_leaves_out_what_lies_between(apps, broker):
    await fill(apps, 3)
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        await seen.wait_for(3)
        app.consumer.pause_partitions([TP("in", 1)])
        await fill(apps, 7)
        await app.consumer.seek(TP("in", 1), 8)
        app.consumer.resume_partitions([TP("in", 1)])
        await seen.wait_for(5)
    assert seen.places[3:] == [(1, 8), (1, 9)]
    assert broker.committed("app", "in", 1) == 10
