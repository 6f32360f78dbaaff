"""A driver that holds this machine until it is killed: ``python -m tests.support.holding HOME URL``
with the `free` and `restore` of this machine."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from schemas.settings import Host, ModelJudge, Paths, Settings
from streams.training.handover import Handover


async def main(home: str, url: str, free: str, restore: str) -> None:
    settings = Settings(
        paths=Paths(home=Path(home)),
        judges=(ModelJudge(kind="ollama", name="llm", url=url, model="fake-judge"),),
    )
    async with Handover(settings, "run1", [Host(name="here", free=free, restore=restore)]):
        print("held", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
