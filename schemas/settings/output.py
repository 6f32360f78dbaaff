"""What is written for the owner to read, and what becomes a pair."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from schemas.durations import Seconds
from schemas.pair import Strategy
from schemas.settings.section import Section, mistake


class Sinks(Section):
    """What is written for you to read."""

    timezone: str = Field(
        "",
        description='Time zone of the dates in turns/: "Europe/Berlin"; "" is this machine\'s.',
    )
    flush: Seconds = Field(
        "1s",
        validate_default=True,
        description="Verdicts are gathered at least this long before a turn file is rewritten.",
    )
    panel: str = Field("default", description="The panel whose verdicts make pairs.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"{value!r} is no time zone of the IANA database") from error
        return value


class Pairs(Section):
    """Which turns make preference pairs."""

    chosen: float = Field(7.0, ge=1, le=10, description="Lowest overall score of a chosen answer.")
    rejected: float = Field(
        4.0, ge=1, le=10, description="Highest overall score of a rejected one."
    )
    min_margin: float = Field(
        3.0, ge=0, le=9, description="Least difference of the two overall scores."
    )
    per_prompt: int = Field(4, ge=1, description="Most pairs made from one request.")
    per_side: int = Field(2, ge=1, description="Most pairs that one answer stands in.")
    strategies: Annotated[tuple[Strategy, ...], NoDecode] = Field(
        ("branch", "retry", "same_request", "unpaired"),
        description='How pairs are found. "neighbour" (nearly the same words) finds more, and '
        'worse ones; "regenerate" takes what `clawback pairs regenerate` had made.',
    )
    neighbour_similarity: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="How near two requests must be for neighbour: the Jaccard index of their words "
        "and word pairs; 1 for the same.",
    )
    max_length_ratio: float = Field(
        0.0,
        ge=0,
        description="Snapshots leave out pairs with a chosen answer more than this many times as "
        "long as the rejected one; 0 for no limit.",
    )
    eval_share: float = Field(
        0.05, ge=0, lt=0.5, description="Share of the sessions kept for evaluation."
    )
    test_share: float = Field(
        0.05, ge=0, lt=0.5, description="Share of the sessions kept for a last test."
    )

    @field_validator("strategies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take strategies as the environment lists them, with commas."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _apart(self) -> Pairs:
        if self.rejected >= self.chosen:
            raise mistake("pairs.rejected must be below pairs.chosen", "rejected")
        return self
