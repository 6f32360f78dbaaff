from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.privacy import Redactor
from schemas.redaction import PLACEHOLDER, count_placeholders

KEY = b"k" * 32
GITHUB = "ghp_2OEfwZeA12345678901234567890abcdEFGH"
AWS = "AKIAQYLPMN5HHHFPZAM2"

_redactor = Redactor(KEY)


def redact(value: Any) -> Any:
    return orjson.loads(_redactor.line(orjson.dumps(value)).data)


def text(said: str) -> str:
    found: str = redact({"text": said})["text"]
    return found


def test_a_line_without_secrets_is_the_very_line() -> None:
    line = b'{ "odd" : 1.0e3 , "x":"caf\\u00e9 \\/ password" }'
    assert _redactor.line(line).data is line


def test_what_stands_around_a_secret_is_byte_for_byte_the_same() -> None:
    line = b'{ "n" : 1.0e3,"t":"a\\/b %s c\\u00e9" , "big":123456789012345678901234567890}'
    before, after = line.split(b"%s")
    redacted = _redactor.line(line.replace(b"%s", GITHUB.encode()))
    assert redacted.data.startswith(before)
    assert redacted.data.endswith(after)
    assert redacted.counts == {"github-pat": 1}


def test_the_same_secret_has_the_same_placeholder_everywhere() -> None:
    tags = set(re.findall(r":([0-9a-f]{8})>", text(f"{GITHUB} and --token {GITHUB}")))
    tags |= set(re.findall(r":([0-9a-f]{8})>", text(json.dumps({"deep": [f"x\n{GITHUB}"]}))))
    assert len(tags) == 1
    assert text(GITHUB) != text(GITHUB[:-1] + "I")


def test_a_private_key_has_the_same_placeholder_at_each_depth() -> None:
    body = "MIIEvQIBADANBgkq\nhkiG9w0B/+AQEFAAS="
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    plain = text(f"cat key\n{key}\n")
    nested = text(json.dumps({"out": json.dumps({"file": key})}))
    assert "MIIE" not in plain + nested
    assert "BEGIN" not in plain + nested
    found = {match[0] for said in (plain, nested) for match in PLACEHOLDER.finditer(said)}
    assert len(found) == 1


def test_a_private_key_without_its_end_goes_too_and_no_further_than_its_string() -> None:
    cut = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY"
    found = redact({"a": cut, "b": {"c": "untouched"}, "d": cut + "\n-----END EC PRIVATE KEY-----"})
    assert found["b"] == {"c": "untouched"}
    assert "MHcC" not in str(found)


def test_another_key_gives_other_placeholders() -> None:
    line = orjson.dumps({"t": GITHUB})
    assert Redactor(b"j" * 32).line(line).data != _redactor.line(line).data


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes, not 32"):
        Redactor(b"short")


def test_a_password_in_quotes_goes_as_a_whole_at_each_depth() -> None:
    secret = 'a"b\\c d9,;'
    inner = {"user": "milo", "password": secret, "port": 5432}
    for value in (inner, {"x": json.dumps(inner)}, {"x": json.dumps({"y": json.dumps(inner)})}):
        found = redact(value)
        assert "b\\" not in str(found)
        assert "d9" not in str(found)
        assert "5432" in str(found)
    assert orjson.loads(redact({"x": json.dumps(inner)})["x"])["port"] == 5432


def test_a_secret_that_a_command_repeats_goes_there_too() -> None:
    found = redact({"cmd": "login --password tr0ub4dor.3", "out": "welcome tr0ub4dor.3!"})
    assert "tr0ub4dor" not in str(found)


def test_letters_written_as_escapes_hide_nothing() -> None:
    hidden = "".join(f"\\u{ord(char):04x}" for char in AWS)
    line = b'{"t":"key %s end"}' % hidden.encode()
    assert orjson.loads(_redactor.line(line).data)["t"].endswith("> end")
    nested = orjson.dumps({"t": f"key {hidden} end"})
    assert "\\u0041" not in orjson.loads(_redactor.line(nested).data)["t"]


@pytest.mark.parametrize(
    "said",
    [
        "password = config.password",
        "def login(password: str, token: str | None = None) -> None:",
        "password=$DB_PASSWORD",
        "password: <your password>",
        'os.environ["API_KEY"]',
        "api_key = settings.judges[0].api_key",
        "usage: totalTokens=123456789012",
        "token = tokenizer.encode(prompt_template)",
        "the password is wrong, try again",
        'password_file = "~/.clawback/kafka.password"',
        "git clone https://github.com/owner/repo.git@v1.2",
        "echo $PWD:/tmp",
        "secret_name: production-database-credentials",
        "nextPageToken: CAUSEGa8Kx93bQ2zpQ",
        '{"items": [], "nextPageToken": "CAUSEGa8Kx93bQ2zpQ"}',
        "aws s3api list-objects --starting-token a8Kx93bQ2z1234",
        "GET /v1/files?pageToken=a8Kx93bQ2z1234&n=2",
        "next_page_token=a8Kx93bQ2z1234, nextSyncToken: a8Kx93bQ2z1234",
        "authorization: required-for-admin",
        "Authorization: negotiate-level-2",
        "login({ user: user1, password: password2 })",
        "def login(\n    password: password2,\n    user: user1,\n)",
        "password: sha256",
        "password: $PASSWORD1\npassword: pass_for(user1)",
        "psk = read_psk(path)\nconnect(psk=psk)",
        "echo done | sudo tee -a /etc/motd",
        "echo apt-get update | sudo -s",
        'echo "$PASSWORD" | sudo -S true',
        "use htpasswd -n milo to print the line, htpasswd -c file milo for a file",
        'auth: "c29tZXRoaW5n", "auth": "required", auth=basic',
        "api_key=api_key1",
        "see https://example.org:443, milo@example.org",
        "Private-Lines: 14 of them stand in the file",
    ],
)
def test_what_only_speaks_of_secrets_stays(said: str) -> None:
    assert text(said) == said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("DB_PASSWORD=hunter2\nPORT=1", "DB_PASSWORD={}\nPORT=1"),
        ("psql postgres://app:Xy9.abQ@db/x", "psql postgres://app:{}@db/x"),
        ("GET /v1?access_token=a1B2c3D4e5F6g7&n=2", "GET /v1?access_token={}&n=2"),
        ("Cookie: lang=de; sid=abc123def456ghi789", "Cookie: lang=de; sid={}"),
        ("FB_PAGE_TOKEN=a8Kx93bQ2z1234", "FB_PAGE_TOKEN={}"),
        ("echo 'a b1 c' | sudo -S ls", "echo '{}' | sudo -S ls"),
        ("htpasswd -nb milo hunter2\nnext line", "htpasswd -nb milo {}\nnext line"),
        ("wpa_passphrase=one two 3\nwpa=2", "wpa_passphrase={}\nwpa=2"),
        ("ftp://bob:p@ss@w0rd@x.org/@a", "ftp://bob:{}@x.org/@a"),
        ("Authorization: 1f2e3d4c-0000-4000-8000-000000000000", "Authorization: {}"),
        ("passwd: hunter2\nok", "passwd: {}\nok"),
        ("sshpass -p 'Tr0ub4dor&3' ssh pi", "sshpass -p '{}' ssh pi"),
        ("my wifi password is Tr0ub4dor&3, ok?", "my wifi password is {}, ok?"),
    ],
)
def test_only_the_secret_itself_goes(said: str, left: str) -> None:
    assert PLACEHOLDER.sub("{}", text(said)) == left


def test_what_was_replaced_is_counted_by_kind() -> None:
    line = orjson.dumps({"a": f"{GITHUB} {AWS}", "b": AWS})
    redacted = _redactor.line(line)
    assert redacted.counts == {"aws-key": 2, "github-pat": 1}
    assert count_placeholders(redacted.data.decode()) == redacted.counts


def test_with_secrets_off_they_pass() -> None:
    line = orjson.dumps({"t": f"{GITHUB} milo@example.org"})
    found = Redactor(KEY, secrets=False, personal=("email",)).line(line)
    assert found.counts == {"email": 1}
    assert GITHUB in found.data.decode()


def test_bytes_that_are_no_json_and_no_text_are_redacted_all_the_same() -> None:
    assert GITHUB.encode() not in _redactor.text(b"\xff\xfe{broken " + GITHUB.encode()).data
    assert _redactor.text(f"key {GITHUB}".encode("utf-16")).data == b""


@given(
    st.recursive(
        st.text(max_size=20) | st.sampled_from([GITHUB, f"password={AWS}x9", "pass: \\", '"']),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_json_keeps_its_structure(value: Any, escaped: bool) -> None:
    line = json.dumps({"v": value}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    redacted = _redactor.line(line)
    found = json.loads(redacted.data.decode("utf-8", "surrogatepass"))
    assert _shape(found) == _shape({"v": value})
    assert GITHUB not in json.dumps(found)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [_shape(item) for item in value.values()]
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value)
