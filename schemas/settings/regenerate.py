"""Who is asked for the other side of a decision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.durations import Seconds
from schemas.settings.section import Section

Sides = Literal["chosen", "both"]
"""Which sides are asked for."""


class Regenerate(Section):
    """Who is asked for the side that a turn has not (`clawback pairs regenerate`)."""

    kind: Literal["ollama", "openai"] = Field(
        "ollama",
        description='"ollama" for Ollama\'s own API; "openai" for LM Studio, vLLM and the like.',
    )
    url: str = Field("", description="Where its server listens, such as http://spark1:11434.")
    model: str = Field("", description="The model's name as the server knows it.")
    sides: Sides = Field(
        "chosen",
        description='"chosen" asks for better decisions where turns went wrong; "both" then also '
        "for worse ones beside good turns: best of the model that is to be trained.",
    )
    max_tokens: int = Field(
        4096, ge=64, description="Room for its decision; thinking models need 4000 and more."
    )
    context_tokens: int = Field(
        32_768, ge=1024, description="Ollama only: the context's size, decision included."
    )
    transport: Literal["httpx", "curl"] = Field(
        "httpx",
        description='"curl" asks through the curl program, where Python may not reach the network.',
    )
    timeout: Seconds = Field(
        "10m", validate_default=True, description="How long one decision may take."
    )
    api_key_file: str = Field(
        "", description="A file that holds the API key, where one is asked for."
    )
