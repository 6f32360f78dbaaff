"""Who is asked for a better decision where one went wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.durations import Seconds
from schemas.settings.section import Section


class Regenerate(Section):
    """Who is asked for a better decision where one went wrong (`clawback pairs regenerate`)."""

    kind: Literal["ollama", "openai"] = Field(
        "ollama",
        description='"ollama" for Ollama\'s own API; "openai" for LM Studio, vLLM and the like.',
    )
    url: str = Field("", description="Where its server listens, such as http://spark1:11434.")
    model: str = Field("", description="The model's name as the server knows it.")
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
