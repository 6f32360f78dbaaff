"""The wires: how inference servers are spoken to, each client small."""

from agents.judges.clients.http import JsonServer
from agents.judges.clients.ollama import OllamaClient
from agents.judges.clients.openai import OpenAIClient
from agents.judges.clients.wire import (
    Client,
    Message,
    PromptTooLong,
    Reply,
    RequestRejected,
    ServerFault,
)

__all__ = [
    "Client",
    "JsonServer",
    "Message",
    "OllamaClient",
    "OpenAIClient",
    "PromptTooLong",
    "Reply",
    "RequestRejected",
    "ServerFault",
]
