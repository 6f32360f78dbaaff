from __future__ import annotations

import orjson
import pytest

from agents.privacy import PERSONAL_KINDS, Redactor
from agents.privacy.personal import card_holds, iban_holds
from schemas.redaction import PLACEHOLDER

_redactor = Redactor(b"k" * 32, secrets=False, personal=PERSONAL_KINDS)


def kinds(said: str) -> list[str]:
    line = _redactor.line(orjson.dumps({"t": said, "timestamp": 1772000000037}))
    return [match[1] for match in PLACEHOLDER.finditer(line.data.decode())]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("write to milo.t+x@mail.example.org today", "email"),
        ("call me at +49 (0)89 1234567 please", "phone"),
        ("+14155550123", "phone"),
        ("IBAN DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("card 4111 1111 1111 1111 exp 12/27", "card"),
        ("from 8.8.8.8 port 53", "ip"),
        ("from 2001:4860:4860::8888", "ip"),
    ],
)
def test_personal_data_is_found(said: str, kind: str) -> None:
    assert kinds(said) == [kind]


@pytest.mark.parametrize(
    "said",
    [
        "DE89 3704 0044 0532 0130 01",
        "4111 1111 1111 1112",
        "127.0.0.1 and 192.168.1.4 and ::1",
        "version 1.2.3.4.5 of 12:34:56",
        "2026-11-22T18:58:41.591Z, 1772000000037 ms",
        "npm install @types/node@22.1.0",
        "1f2e3d4c-0000-4000-8000-000000000000",
    ],
)
def test_what_only_looks_like_it_stays(said: str) -> None:
    assert kinds(said) == []


def test_checksums() -> None:
    assert iban_holds("DE89370400440532013000")
    assert not iban_holds("DE89")
    assert card_holds("378282246310005")
    assert not card_holds("0000000000000000")


def test_nothing_personal_is_replaced_unless_asked() -> None:
    line = orjson.dumps({"t": "milo@example.org, +14155550123"})
    assert Redactor(b"k" * 32).line(line).data == line
