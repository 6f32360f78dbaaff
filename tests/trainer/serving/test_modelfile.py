"""What Ollama is told, as a file and over its API."""

from __future__ import annotations

from trainer.serving.chat import Chat
from trainer.serving.modelfile import create_request, modelfile
from trainer.serving.openclaw import provider_settings

CHAT = Chat('{{ .System }} "x"', "Be kind.", ("<|im_end|>",), tools=True)


def test_a_modelfile() -> None:
    assert modelfile("m.gguf", CHAT, 4096).splitlines() == [
        "FROM ./m.gguf",
        'TEMPLATE """{{ .System }} "x""""',
        'SYSTEM """Be kind."""',
        "PARAMETER num_ctx 4096",
        'PARAMETER stop "<|im_end|>"',
    ]


def test_the_request_says_the_same() -> None:
    assert create_request("clawback:1", "m.gguf", "ab", CHAT, 4096) == {
        "model": "clawback:1",
        "files": {"m.gguf": "sha256:ab"},
        "template": '{{ .System }} "x"',
        "system": "Be kind.",
        "parameters": {"num_ctx": 4096, "stop": ["<|im_end|>"]},
    }


def test_what_is_not_known_is_left_to_ollama() -> None:
    assert modelfile("m.gguf", Chat(), 4096) == "FROM ./m.gguf\nPARAMETER num_ctx 4096\n"
    assert set(create_request("t", "m.gguf", "ab", Chat(), 1)) == {"model", "files", "parameters"}


def test_openclaw_is_pointed_at_ollamas_own_api() -> None:
    made = provider_settings("http://spark1:11434/", "clawback", 32768)
    provider = made["models"]["providers"]["clawback"]
    assert provider["baseUrl"] == "http://spark1:11434"
    assert provider["api"] == "ollama"
    assert [model["id"] for model in provider["models"]] == ["clawback"]
    assert provider["models"][0]["contextWindow"] == 32768
    assert made["agents"]["defaults"]["model"]["primary"] == "clawback/clawback"
