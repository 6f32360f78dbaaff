"""Records that come many in one event."""

import asyncio

from streams.embedded.bundle import BYTES, RECORDS, BundleSchema


async def fill(apps, values: list[bytes]) -> None:
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        sent = [await topic.send(key=b"k", value=value, partition=1) for value in values]
        for each in sent:
            await each


async def test_every_record_comes_once_and_in_order(apps, broker, eventually):
    values = [b"%d" % number for number in range(3 * RECORDS)]
    await fill(apps, values)
    app = apps.new()
    bundles = []

    @app.agent(app.topic("in", schema=BundleSchema()))
    async def gather(stream):
        async for bundle in stream:
            bundles.append(bundle)

    async with apps.running(app):
        await eventually(lambda: sum(map(len, bundles)) == len(values))
        await eventually(lambda: broker.committed("app", "in", 1) == len(values))
    records = [record for bundle in bundles for record in bundle]
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(len(values)))
    assert all(record.key == b"k" and record.time_ms > 0 for record in records)
    assert len(bundles) < len(values) / 10
    assert max(map(len, bundles)) <= RECORDS


async def test_large_records_come_few_at_a_time(apps, eventually):
    await fill(apps, [b"x" * (BYTES // 2 - 100)] * 5 + [b"x" * (2 * BYTES)])
    app = apps.new()
    bundles = []

    @app.agent(app.topic("in", schema=BundleSchema()))
    async def gather(stream):
        async for bundle in stream:
            bundles.append(bundle)

    async with apps.running(app):
        await eventually(lambda: sum(map(len, bundles)) == 6)
    assert max(map(len, bundles)) <= 2
    assert len(bundles[-1]) == 1


async def test_a_bundle_that_is_not_acknowledged_comes_again(apps, broker, eventually):
    await fill(apps, [b"%d" % number for number in range(3 * RECORDS)])
    app = apps.new()
    events = []

    @app.agent(app.topic("in", schema=BundleSchema()))
    async def hold(stream):
        async for event in stream.noack().events():
            events.append(event)

    async with apps.running(app):
        await eventually(lambda: sum(len(event.value) for event in events) == 3 * RECORDS)
        first, second, *_, last = events
        last.ack()
        first.ack()
        await eventually(lambda: broker.committed("app", "in", 1) == second.value[0].offset)
    again = apps.new()
    seen = apps.reader(again)
    async with apps.running(again):
        await seen.wait_for(1)
        await asyncio.sleep(0)
    assert seen.places[0] == (1, second.value[0].offset)
