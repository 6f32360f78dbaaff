"""What is dropped before any judge sees it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from schemas.settings.section import Section
from schemas.turn import Trigger


class Rule(Section):
    """A pre-filter rule that is on or off."""

    enabled: bool = Field(True, description="Whether turns are dropped by this rule.")


class ShortRule(Rule):
    """Drop a turn with almost nothing in it."""

    min_chars: int = Field(
        20, ge=0, description="Fewest characters of request, calls and answer together."
    )


class TriggerRule(Rule):
    """Drop turns by what started them."""

    triggers: Annotated[tuple[Trigger, ...], NoDecode] = Field(
        ("heartbeat",),
        description="Triggers that are dropped.",
    )

    @field_validator("triggers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take triggers as the environment lists them, with commas."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Prefilter(Section):
    """What is dropped before any judge sees it; every drop is recorded with its rule."""

    short: ShortRule = Field(ShortRule(), description="Turns with almost nothing in them.")
    empty_calls: Rule = Field(
        Rule(), description="Turns whose every tool call has no arguments and got no result."
    )
    aborted: Rule = Field(Rule(), description="Turns the user or the gateway aborted.")
    trigger: TriggerRule = Field(TriggerRule(), description="Turns nobody asked for.")
    duplicate: Rule = Field(
        Rule(), description="Turns with the very same request, calls and results as an earlier one."
    )
