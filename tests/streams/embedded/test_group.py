import asyncio
import sys

import pytest

from streams.embedded.group import Membership
from streams.embedded.log import Log

HOLD = """
import asyncio, sys
from streams.embedded.group import Membership
from streams.embedded.log import Log

async def hold():
    print(await Membership(Log(sys.argv[1]), "g").join(), flush=True)
    await asyncio.Event().wait()

asyncio.run(hold())
"""


async def test_one_is_active_and_the_next_waits(log: Log) -> None:
    first, second, other = Membership(log, "g"), Membership(log, "g"), Membership(log, "h")
    assert await first.join() == 1
    assert await other.join() == 1
    waiting = asyncio.create_task(second.join())
    assert not (await asyncio.wait([waiting], timeout=0.05))[0]
    first.leave()
    assert await asyncio.wait_for(waiting, 2) == 2
    assert second.active
    assert not first.active
    assert await second.join() == 3
    second.leave()
    other.leave()


async def test_waiting_can_be_called_off(log: Log) -> None:
    first, second, third = (Membership(log, "g") for _ in range(3))
    await first.join()
    waiting = asyncio.create_task(second.join())
    await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    first.leave()
    assert await asyncio.wait_for(third.join(), 2) == 2
    assert not second.active
    third.leave()


async def test_a_killed_member_is_replaced_at_once(log: Log) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(log.path), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"1\n"
    member = Membership(log, "g")
    waiting = asyncio.create_task(member.join())
    assert not (await asyncio.wait([waiting], timeout=0.05))[0]
    holder.kill()
    assert await asyncio.wait_for(waiting, 1) == 2
    member.leave()
    await holder.wait()
