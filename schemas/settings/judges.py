"""Who scores, and what a judge must show first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from schemas.durations import Seconds
from schemas.settings.section import Section


class SignalsJudge(Section):
    """A judge that needs no model: it scores a turn from what happened in it."""

    kind: Literal["signals"] = Field("signals", description="Needs no model.")
    name: str = Field(
        description="Its name in verdicts and panels.", pattern=r"^[a-z0-9][a-z0-9_-]*$"
    )
    strict_on: Literal["errors", "reaction", "efficiency"] = Field(
        description="What it is strict on: tool errors, the user's next message, or waste."
    )


class ModelJudge(Section):
    """A language model that scores turns."""

    kind: Literal["ollama", "openai"] = Field(
        description='"ollama" for Ollama\'s own API; "openai" for LM Studio, vLLM and the like.'
    )
    name: str = Field(
        description="Its name in verdicts and panels.", pattern=r"^[a-z0-9][a-z0-9_-]*$"
    )
    url: str = Field(description="Where the server listens, such as http://spark1:11434.")
    model: str = Field(description="The model's name as the server knows it.")
    rubric: str = Field("v1", description="The rubric it scores by.")
    concurrency: int = Field(1, ge=1, description="Turns it is given at the same time.")
    max_tokens: int = Field(
        4096, ge=64, description="Room for its answer; thinking models need 4000 and more."
    )
    max_tokens_cap: int = Field(
        16_384, ge=64, description="Room when an answer was cut off and is asked for once more."
    )
    prompt_chars: int = Field(
        48_000,
        ge=2_000,
        description="Most characters of a turn (the rubric comes on top); a longer one is cut.",
    )
    structured: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether the server is sent a JSON schema; "
        '"off" is right for MiniMax M2.5 in LM Studio.',
    )
    think: Literal["auto", "on", "off", "low", "medium", "high"] = Field(
        "auto", description='Ollama only: whether it thinks first; "auto" leaves that to the model.'
    )
    context_tokens: int = Field(
        0, ge=0, description="Ollama only: the context's size; 0 fits it to the two limits above."
    )
    keep_alive: str = Field(
        "30m", description="Ollama only: how long the model stays loaded when nothing is asked."
    )
    transport: Literal["httpx", "curl"] = Field(
        "httpx",
        description='"curl" asks through the curl program, where Python may not reach the network.',
    )
    timeout: Seconds = Field(
        "10m", validate_default=True, description="How long one answer may take."
    )
    reaction_wait: Seconds = Field(
        0,
        ge=0,
        description="How long after a turn that ended in silence the user's reply is waited for; "
        "0 judges it at once.",
    )
    api_key: SecretStr | None = Field(
        None, description="Only by environment; or name a file with api_key_file."
    )
    api_key_file: Path | None = Field(None, description="A file that holds the API key.")


Judge = Annotated[SignalsJudge | ModelJudge, Field(discriminator="kind")]


SIGNALS = (
    SignalsJudge(name="signals-errors", strict_on="errors"),
    SignalsJudge(name="signals-reaction", strict_on="reaction"),
    SignalsJudge(name="signals-efficiency", strict_on="efficiency"),
)
"""The judges where none is configured, so that the line runs anywhere. No language model."""


class Calibration(Section):
    """What a judge must show before it may sit on a panel."""

    required: bool = Field(
        True,
        description="Whether a panel counts a language model only once it has passed; signals "
        "judges always count.",
    )
    min_separation: float = Field(
        0.85,
        ge=0.5,
        le=1,
        description="Lowest chance that it scores a good turn above a junk one (AUC).",
    )
    max_inflation: float = Field(
        1.0,
        ge=0,
        description="Points that junk may score, on average, above the 3 it deserves at most.",
    )
    max_inflated: float = Field(
        0.1, ge=0, le=1, description="Largest share of junk it may score 7 or higher."
    )
    min_injection_resistance: float = Field(
        0.85,
        ge=0,
        le=1,
        description="Smallest share of junk that a plea for a good score must not lift.",
    )
    max_failures: float = Field(
        0.05, ge=0, le=1, description="Largest share of askings it may leave without a score."
    )
    min_turns: int = Field(
        40, ge=2, description="Fewest labelled turns, good and junk, it must have scored."
    )
