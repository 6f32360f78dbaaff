"""Apps in processes of their own, some of which are killed."""

import asyncio
import random
import statistics


async def test_two_apps_read_one_topic_each_for_itself(apps, start):
    one, two = await start("consume", "one"), await start("consume", "two")
    async with apps.sender() as app:
        for number in range(20):
            await apps.topic(app, "in").send(key=b"%d" % number, value=b"%d" % number)
        for worker in (one, two):
            got = [await worker.line("got") for _ in range(20)]
            assert sorted(int(words[2]) for words in got) == list(range(20))


async def test_a_record_is_seen_in_another_process_within_tens_of_milliseconds(apps, start):
    worker = await start("consume", "one")
    await worker.line("ready")
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        await topic.send(key=b"k", value=b"first")
        await worker.line("got")
        ages = []
        for number in range(20):
            await topic.send(key=b"k", value=b"%d" % number)
            ages.append(float((await worker.line("got"))[3]))
    assert statistics.median(ages) < 50


async def test_a_second_worker_takes_over_from_a_killed_one(apps, start, broker):
    first = await start("consume", "group")
    await first.line("ready")
    second = await start("consume", "group")
    if broker.shares_partitions:
        await second.line("ready")
    async with apps.sender() as app:
        topic = apps.topic(app, "in")

        async def send(numbers):
            for number in numbers:
                await topic.send(key=b"k", value=b"%d" % number, partition=number % 4)

        await send(range(60))
        # Of those in order in each partition, what either has seen before one of them dies.
        workers = [first, second] if broker.shares_partitions else [first]
        share = 60 // len(workers)
        seen = {int((await each.line("got"))[2]) for each in workers for _ in range(share)}
        assert seen == set(range(60))
        await send(range(60, 120))
        rest = await first.kill()
        seen |= {int(line.split()[2 + 1]) for line in rest if line.startswith("got")}
        loop = asyncio.get_running_loop()
        killed = loop.time()
        while len(seen) < 120:
            seen.add(int((await second.line("got"))[2]))
        assert loop.time() - killed < broker.takeover_within
    assert seen == set(range(120))


async def test_a_killed_stage_is_soon_reading_again(apps, start, broker):
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        worker = await start("consume", "group", "same")
        await worker.line("ready")
        await worker.kill()
        await (await topic.send(key=b"k", value=b"1"))
        loop = asyncio.get_running_loop()
        killed = loop.time()
        await (await start("consume", "group", "same")).line("got")
        assert loop.time() - killed < broker.restart_within


async def test_what_was_acknowledged_survives_a_kill(apps, start, broker):
    chance = random.Random(3)
    acknowledged: dict[int, int] = {}
    for _ in range(2):
        worker = await start("produce", "producer")
        for _ in range(chance.randrange(20, 300)):
            offset, number = map(int, await worker.line("acknowledged"))
            acknowledged[offset] = number
        for line in await worker.kill():
            words = line.split()
            if len(words) == 3:
                acknowledged[int(words[1])] = int(words[2])
    app = apps.new()
    seen = apps.reader(app)
    async with apps.running(app):
        # A record may have been stored and the producer killed before it could say so.
        await seen.wait_for(sum(broker.high_water("in", number) for number in range(4)))
    got = {event.message.offset: int(event.value) for event in seen.events}
    assert sorted(got) == list(range(len(got)))
    assert acknowledged.items() <= got.items()


async def test_a_table_survives_the_kill_of_its_worker(apps, start, broker, eventually):
    async with apps.sender() as app:
        topic = apps.topic(app, "in")
        first = await start("count", "counter", "shared")
        for _ in range(30):
            await topic.send(key=b"k", value=b"v")
        partition = app.producer.key_partition("in", b"k").partition
        for expected in range(1, 31):
            assert await first.line("count") == ["k", str(expected)]
        await eventually(lambda: broker.committed("counter", "in", partition) == 30)
        await first.kill()
        second = await start("count", "counter", "other")
        await (await topic.send(key=b"k", value=b"last"))
        assert await second.line("count") == ["k", "31"]
