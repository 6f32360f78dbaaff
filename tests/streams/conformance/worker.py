"""A Faust app in a process of its own: ``worker.py ROLE URL ID FOLDER``.

It prints one line for whatever happens, so that a test can wait for it, and runs until killed.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import faust


def make_app(url: str, name: str, folder: Path, **settings: Any) -> faust.App:
    """An app with the settings that stages use on this kind of broker."""
    if url.startswith("embedded:"):
        from streams.embedded.transport import faust_settings

        settings = faust_settings() | settings
    else:
        from streams.kafka.driver import faust_settings as kafka_settings

        # Tables have changelogs here, which a stage has not: their topics are Faust's to make.
        settings = (
            kafka_settings(replication=1, member=folder.name)
            | {"topic_allow_declare": True}
            | settings
        )
    folder.mkdir(parents=True, exist_ok=True)
    defaults = {"store": "memory://", "datadir": folder, "topic_partitions": 4}
    return faust.App(name, broker=url, **defaults | settings)


def raw_topic(app: faust.App, name: str) -> faust.TopicT:
    return app.topic(
        name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )


def say(*words: object) -> None:
    print(*words, flush=True)


def consume(app: faust.App) -> None:
    """Tell the place, the value and the age in milliseconds of each record."""

    @app.agent(raw_topic(app, "in"))
    async def tell(stream: faust.StreamT) -> None:
        async for event in stream.events():
            message = event.message
            age = (time.time() - message.timestamp) * 1000
            say("got", message.partition, message.offset, event.value.decode(), f"{age:.1f}")

    @app.on_rebalance_complete.connect
    async def ready(*_: Any, **__: Any) -> None:
        say("ready")


def produce(app: faust.App) -> None:
    """Send without end; tell what was acknowledged."""
    # A consumer without topics is a mistake to some brokers.
    app.producer_only = True
    topic = raw_topic(app, "in")

    @app.task
    async def send() -> None:
        for number in range(10**9):
            sent = await topic.send(key=b"key", value=b"%d" % number)
            metadata = await sent
            say("acknowledged", metadata.offset, number)


def count(app: faust.App) -> None:
    """Count each key in a table and tell the count."""
    table = app.Table("counts", default=int, partitions=4, key_type=str, value_type=int)

    @app.agent(raw_topic(app, "in"))
    async def add(stream: faust.StreamT) -> None:
        async for event in stream.events():
            key = event.key.decode()
            table[key] += 1
            say("count", key, table[key])


async def main(role: str, url: str, name: str, folder: str) -> None:
    app = make_app(url, name, Path(folder))
    {"consume": consume, "produce": produce, "count": count}[role](app)
    await app.start()
    say("started")
    await app.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
