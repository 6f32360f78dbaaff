"""A worker of a stage in a process of its own: ``worker.py URL PREFIX HOME``.

Its handler numbers the records of each key, so that a table which lacks one shows in all that
follow. It prints "got" with the first record's offset of each batch, and runs until killed.
"""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from schemas.settings import Broker, Paths, Settings
from schemas.table import Table
from streams.batch import BatchStage
from streams.broker import open_broker
from streams.flow import Incoming, Outgoing


def make_settings(url: str, prefix: str, home: Path) -> Settings:
    return Settings(paths=Paths(home=home), broker=Broker(url=url, prefix=prefix))


class Numbering:
    """`turns` to `candidates`: key, how many of that key there were, value."""

    def apply(self, record: Incoming, table: Table) -> Iterable[Outgoing]:
        assert record.key is not None
        assert record.value is not None
        key = record.key.decode()
        count = int(table.get(key) or 0) + 1
        table.put(key, str(count).encode())
        yield Outgoing("candidates", record.key, f"{key} {count} {record.value.decode()}".encode())


class TellingStage(BatchStage):
    async def _handle(self, records: list[Incoming]) -> None:  # type: ignore[override]
        await super()._handle(records)
        print("got", len(records), flush=True)

    def assigned(self) -> None:
        super().assigned()
        print("assigned", *sorted(self._partitions), flush=True)


async def main(url: str, prefix: str, home: str) -> None:
    settings = make_settings(url, prefix, Path(home))
    broker = open_broker(settings)
    stage = TellingStage("numbering", ["turns"], "1", Numbering(), settings, broker)
    print("seat", stage._seat.number if stage._seat else 0, flush=True)
    await stage.start()
    await stage.failed


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
