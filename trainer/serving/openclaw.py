"""The settings by which OpenClaw uses the model that is served.

They go into OpenClaw's own openclaw.json, which is its owner's; so they are only written down.
"""

from __future__ import annotations

from typing import Any, Final

PROVIDER: Final = "clawback"
LOCAL: Final = "http://127.0.0.1:11434"
ANSWER: Final = 8192
"""Most tokens of one answer."""


def provider_settings(url: str, name: str, context: int) -> dict[str, Any]:
    """Return what openclaw.json needs.

    Ollama's own API is used and not its /v1, where OpenClaw's calls of tools are not reliable
    (docs.openclaw.ai/providers/ollama). The provider has a name of its own, so that the models
    which OpenClaw finds in Ollama by itself stay.

    Args:
        url: of the Ollama; "" for the one on OpenClaw's machine.
        name: of the model there.
        context: tokens of context.
    """
    model = {
        "id": name,
        "name": name,
        "reasoning": False,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": context,
        "maxTokens": min(ANSWER, context),
    }
    provider = {
        "baseUrl": (url or LOCAL).rstrip("/"),
        "apiKey": "ollama-local",
        "api": "ollama",
        "models": [model],
    }
    return {
        "models": {"mode": "merge", "providers": {PROVIDER: provider}},
        "agents": {"defaults": {"model": {"primary": f"{PROVIDER}/{name}"}}},
    }
