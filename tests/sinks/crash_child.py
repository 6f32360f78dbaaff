"""A stage in miniature, to be killed: applies records to both sinks and keeps its table.

Usage: crash_child.py DIRECTORY. `records.jsonl` there holds [topic, value] a line; the table and
the offset are kept in `table.json`, written atomically as the line's RocksDB is.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from schemas.settings import Pairs
from schemas.table import MemoryTable
from sinks import PairsSink, TurnFiles


def main(directory: Path) -> None:
    records = [json.loads(line) for line in (directory / "records.jsonl").open()]
    state = directory / "table.json"
    table, offset = MemoryTable(), 0
    if state.exists():
        stored = json.loads(state.read_text())
        offset = stored["offset"]
        for key, value in stored["table"].items():
            table.put(key, value.encode())
    sinks = (
        TurnFiles(directory / "out", "default", "UTC", delay=0),
        PairsSink(directory / "out", "default", Pairs(), lambda *_: False, delay=0),
    )
    print("ready", flush=True)
    rng = random.Random()
    while True:
        batch = records[offset : offset + rng.randint(1, 15)]
        for topic, value in batch:
            for sink in sinks:
                sink.apply(topic, value.encode(), table)
        offset += len(batch)
        for sink in sinks:
            sink.flush(table, everything=not batch or rng.random() < 0.7)
        content = {key: value.decode() for key, value in table.scan("")}
        temporary = directory / "table.json.new"
        temporary.write_text(json.dumps({"offset": offset, "table": content}))
        os.replace(temporary, state)
        if not batch:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
