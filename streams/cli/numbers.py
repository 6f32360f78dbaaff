"""Scores on the command line."""

from __future__ import annotations

import click


class Numbers(click.ParamType):
    """Numbers with commas."""

    name = "N,N,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write 7,7.5,8", param, ctx)
        if not all(1 <= each <= 10 for each in found):
            self.fail("scores are from 1 to 10", param, ctx)
        return found
