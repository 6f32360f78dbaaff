from __future__ import annotations

import json
import re

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.privacy import PERSONAL_KINDS, Redactor
from agents.privacy.personal import card_holds, iban_holds
from schemas.redaction import PLACEHOLDER
from tests.support.secrets import planted

_redactor = Redactor(b"k" * 32, secrets=False, personal=PERSONAL_KINDS)
_secrets = Redactor(b"k" * 32)
_everything = Redactor(b"k" * 32, personal=PERSONAL_KINDS)
_SECRET = re.compile(rb"<secret:[a-z0-9-]+:[0-9a-f]{8}>")


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
        ("12\n2001:4860:4860::8888,", "ip"),
        ("0049 30 12345678, not 123 +49 30 12345678", "phone"),
        ("a@b milo@example.org@", "email"),
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


def assert_same_secrets(line: bytes) -> None:
    """Assert that personal data makes no difference to what is found of secrets."""
    without, with_ = _secrets.line(line), _everything.line(line)
    assert _SECRET.findall(with_.data) == _SECRET.findall(without.data)
    secrets = {kind: n for kind, n in with_.counts.items() if kind not in PERSONAL_KINDS}
    assert secrets == without.counts


@pytest.mark.parametrize(
    ("said", "secret", "kind"),
    [
        ("psql postgres://svc:hunter22x@db.example.org/x", "hunter22x", "url-password"),
        ("get ftp://bob:p@ssw0rd!x@ftp.example.org/a", "p@ssw0rd!x", "url-password"),
        (f"git clone https://ghp_{'2OEfwZeA' * 4}a1b2@github.com/a/b", "ghp_", "github-pat"),
        ("password=+4915112345678", "+4915112345678", "password"),
        ("curl -u milo:milo.t@mail.example.org https://x.org", "milo.t", "curl-password"),
    ],
)
def test_a_secret_that_looks_personal_is_a_secret(said: str, secret: str, kind: str) -> None:
    line = orjson.dumps({"asked": said, "printed": f"bad password {secret} for svc@example.org"})
    redacted = _everything.line(line)
    assert kind in redacted.counts
    assert secret not in orjson.loads(redacted.data)["asked"]
    assert secret not in orjson.loads(redacted.data)["printed"] or len(secret) < 8
    assert redacted.counts["email"] == 1
    assert_same_secrets(line)


def test_each_planted_secret_is_found_the_same_beside_personal_data() -> None:
    for one in planted(seed=23, rounds=1):
        assert_same_secrets(one.line)


_PIECES = st.sampled_from(
    [
        *("milo@example.org", "+4915112345678", "8.8.8.8", "4111111111111111", "hunter22x"),
        *("GB82WEST12345698765432", "AKIAQYLPMN5HHHFPZAM2", f"ghp_{'2OEfwZeA' * 4}a1b2"),
        *("password=", "PGPASSWORD=", "postgres://svc:", "https://", "--token ", "api_key: "),
        *("@db.example.org", "@", ":", " ", " ", "\n", '"', "'", "\\", "/", ".", "é"),
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join), st.lists(_PIECES, max_size=6).map("".join))
@settings(max_examples=400, deadline=None)
def test_looking_for_personal_data_changes_nothing_of_secrets(said: str, printed: str) -> None:
    assert_same_secrets(orjson.dumps({"asked": said, "printed": printed}))
    assert_same_secrets(json.dumps({"asked": json.dumps([said, printed])}).encode())
