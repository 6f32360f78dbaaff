"""Tables come back from their changelogs."""

import shutil

import pytest


def counting(apps, store: str):
    app = apps.new(store=store)
    table = app.Table("counts", default=int, partitions=4, key_type=str, value_type=int)
    done = apps.reader(app, "done")
    target = apps.topic(app, "done")

    @app.agent(apps.topic(app, "in"))
    async def count(stream):
        async for event in stream.events():
            key = event.key.decode()
            if event.value == b"forget":
                table.pop(key, None)
            else:
                table[key] += 1
            await target.send(key=event.key, value=event.value)

    return app, table, done


@pytest.mark.parametrize("store", ["memory://", "rocksdb://"])
async def test_a_table_comes_back_after_its_store_is_lost(apps, store, eventually):
    app, _, done = counting(apps, store)
    async with apps.running(app):
        topic = apps.topic(app, "in")
        for number in range(60):
            await topic.send(key=b"key-%d" % (number % 10), value=b"add")
        await topic.send(key=b"key-3", value=b"forget")
        await done.wait_for(61)
    shutil.rmtree(apps.folder)
    app, table, _ = counting(apps, store)
    async with apps.running(app):
        expected = {f"key-{number}": 6 for number in range(10) if number != 3}
        assert dict(table.items()) == expected
        assert {key: table[key] for key in expected} == expected
        assert "key-3" not in table
        await apps.topic(app, "in").send(key=b"key-1", value=b"add")
        await eventually(lambda: table["key-1"] == 7)


async def test_a_store_that_is_still_there_catches_up(apps):
    for round_ in (1, 2, 3):
        app, table, done = counting(apps, "rocksdb://")
        async with apps.running(app):
            for number in range(20):
                await apps.topic(app, "in").send(key=b"key-%d" % number, value=b"add")
            await done.wait_for(20)
            assert dict(table.items()) == {f"key-{number}": round_ for number in range(20)}
