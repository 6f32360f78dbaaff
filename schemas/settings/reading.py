"""Following session files, and cutting them into turns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from schemas.durations import Seconds
from schemas.settings.section import Section, mistake


class Tail(Section):
    """Following the session files."""

    rescan: Seconds = Field(
        "2s",
        validate_default=True,
        description="How often the directories are read again, in case a notification was lost.",
    )
    quiet: Seconds = Field(
        "10m",
        validate_default=True,
        description="A session whose file has not grown for this long has given its answer. "
        "A reply that comes sooner is known to the judges.",
    )
    abandoned: Seconds = Field(
        "6h",
        validate_default=True,
        description="A turn still waiting for a tool after this long is closed as it stands.",
    )
    max_line_bytes: int = Field(
        7_500_000,
        ge=1024,
        description="Longer lines go to the dead letters with their place. A record holds 8 MB.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Tail:
        if self.abandoned < self.quiet:
            raise mistake("tail.abandoned must not be shorter than tail.quiet", "abandoned")
        return self


class Privacy(Section):
    """What is replaced in session logs before anything else sees them."""

    secrets: bool = Field(
        True, description="Whether keys, tokens and passwords are replaced by placeholders."
    )
    personal: Annotated[tuple[Literal["email", "phone", "iban", "card", "ip"], ...], NoDecode] = (
        Field(
            (),
            description="Personal data that is replaced too: email, phone, iban, card, ip.",
        )
    )

    @field_validator("personal", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take kinds as the environment lists them, with commas."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


class Extract(Section):
    """Cutting sessions into turns."""

    context_chars: int = Field(
        8_000, ge=0, description="How much of the conversation before a turn is kept with it."
    )
    result_chars: int = Field(
        64_000, ge=200, description="Longer tool results are cut in the middle."
    )
