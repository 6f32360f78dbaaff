"""Faust's table manager without the second it waits at every start."""

from __future__ import annotations

import asyncio

from faust.tables import TableManager as BaseTableManager


class TableManager(BaseTableManager):
    """Starts recovery as soon as all agents are running."""

    async def on_start(self) -> None:
        """Subscribe to the changelogs and start to recover."""
        await self.app.agents.wait_until_agents_started()
        # The agents' bodies have been scheduled; one round lets each run to its first wait, so
        # that streams made in there are part of the first subscription.
        await asyncio.sleep(0)
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
