"""Secrets of every known format, planted where session logs hold them. All made from a seed."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

_ALNUM = string.ascii_letters + string.digits
_URL = _ALNUM + "-_"
_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
_BASE32 = string.ascii_uppercase + "234567"
_SYMBOLS = _ALNUM + "!#%*+-_=?^~"

Make = Callable[[random.Random], str]


def _of(pattern: str) -> Make:
    """Return a maker: `{n:alphabet}` in the pattern stands for n random characters."""
    sets = {"a": _ALNUM, "u": _URL, "h": _HEX, "A": _UPPER, "2": _BASE32, "9": string.digits}
    sets |= {"l": string.ascii_letters, "b": _ALNUM + "+/", "s": _SYMBOLS}
    sets["q"] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

    def make(dice: random.Random) -> str:
        parts = []
        for piece in pattern.split("{"):
            head, closed, rest = piece.partition("}")
            if not closed:
                parts.append(piece)
                continue
            count, _, name = head.partition(":")
            parts.append(_random(dice, int(count), sets[name]) + rest)
        return "".join(parts)

    return make


def _random(dice: random.Random, count: int, letters: str) -> str:
    return "".join(dice.choice(letters) for _ in range(count))


def _jwt(dice: random.Random) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")

    head = part({"alg": "HS256", "typ": "JWT"})
    body = part({"sub": _random(dice, 10, string.digits), "iat": dice.randrange(10**9)})
    return f"{head}.{body}.{_random(dice, 43, _URL)}"


def _pem(label: str, lines: int) -> Make:
    def make(dice: random.Random) -> str:
        body = "\n".join(_random(dice, 64, _ALNUM + "+/") for _ in range(lines))
        return (
            f"-----BEGIN {label}-----\n{body}\n{_random(dice, 22, _ALNUM)}==\n-----END {label}-----"
        )

    return make


def _password(dice: random.Random) -> str:
    """Return 10 to 20 characters of three kinds, as a password manager makes them."""
    body = _random(dice, dice.randrange(8, 18), _SYMBOLS)
    return f"{dice.choice(string.ascii_letters)}{body}{dice.choice(string.digits)}"


def _basic(dice: random.Random) -> str:
    return base64.b64encode(f"milo:{_password(dice)}".encode()).decode()


def _chosen(dice: random.Random) -> str:
    """Return a word and digits, as persons think up."""
    return f"{_random(dice, 6, string.ascii_lowercase)}{_random(dice, 3, string.digits)}"


def _short_key(dice: random.Random) -> str:
    """Return 10 letters and digits, no word with a number behind it."""
    return f"{_random(dice, 5, string.ascii_letters)}7{_random(dice, 4, string.ascii_letters)}"


_PPK = (
    "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: milo's\nPublic-Lines: 1\n"
    "AAAAC3NzaC1lZDI1NTE5AAAAIHJC\nPrivate-Lines: 2\n{}\nPrivate-MAC: 0f1e2d3c4b5a69788796a5b4"
)

FORMATS: dict[str, Make] = {
    "aws key id": _of("AKIA{16:2}"),
    "aws session key id": _of("ASIA{16:2}"),
    "github token": _of("ghp_{36:a}"),
    "github oauth": _of("gho_{36:a}"),
    "github app": _of("ghs_{36:a}"),
    "github fine-grained": _of("github_pat_{22:a}_{59:a}"),
    "gitlab": _of("glpat-{20:u}"),
    "slack bot": _of("xoxb-{12:9}-{13:9}-{24:a}"),
    "slack user": _of("xoxp-{12:9}-{12:9}-{12:9}-{32:h}"),
    "slack webhook": _of("https://hooks.slack.com/services/T{8:A}/B{8:A}/{24:a}"),
    "stripe live": _of("sk_live_{24:a}"),
    "stripe test": _of("sk_test_{99:a}"),
    "stripe restricted": _of("rk_live_{24:a}"),
    "openai": _of("sk-{20:a}T3BlbkFJ{20:a}"),
    "openai project": _of("sk-proj-{74:u}T3BlbkFJ{74:u}"),
    "anthropic": _of("sk-ant-api03-{93:u}AA"),
    "openrouter": _of("sk-or-v1-{64:h}"),
    "google api": _of("AIza{35:u}"),
    "google oauth": _of("GOCSPX-{28:u}"),
    "groq": _of("gsk_{52:a}"),
    "xai": _of("xai-{80:a}"),
    "hugging face": _of("hf_{34:l}"),
    "replicate": _of("r8_{37:a}"),
    "npm": _of("npm_{36:a}"),
    "pypi": _of("pypi-AgEIcHlwaS5vcmc{80:u}"),
    "sendgrid": _of("SG.{22:u}.{43:u}"),
    "mailgun": _of("key-{32:h}"),
    "twilio": _of("SK{32:h}"),
    "telegram": _of("{10:9}:AA{33:u}"),
    "discord": _of("MT{24:a}.{6:a}.{38:u}"),
    "digitalocean": _of("dop_v1_{64:h}"),
    "shopify": _of("shpat_{32:h}"),
    "docker hub": _of("dckr_pat_{27:u}"),
    "vault": _of("hvs.{90:u}"),
    "age": _of("AGE-SECRET-KEY-1{58:q}"),
    "linear": _of("lin_api_{40:a}"),
    "notion": _of("ntn_{46:a}"),
    "databricks": _of("dapi{32:h}"),
    "jwt": _jwt,
    "rsa private key": _pem("RSA PRIVATE KEY", 24),
    "openssh private key": _pem("OPENSSH PRIVATE KEY", 6),
    "private key": _pem("PRIVATE KEY", 16),
    "password hash": _of("$6${16:a}${86:a}"),
}
"""Secrets that show what they are. Their makers' documentation gives the formats."""

PLACES: dict[str, str] = {
    "prose": "Use {} for this, I made it yesterday.",
    "line": "first line\n{}\nlast line",
    "shell": "export SERVICE_KEY={} && ./deploy.sh --now",
    "quoted": "client = Client('{}', timeout=30)",
    "header": "curl -s -H 'X-Api-Key: {}' https://api.example.com/v1/items",
    "env file": "# settings\nDEBUG=1\nSERVICE_KEY={}\nPORT=8080\n",
    "yaml": "service:\n  key: {}\n  region: eu-central-1\n",
    "json": '{{"service": {{"key": "{}", "retries": 3}}}}',
}
"""Where a secret that shows what it is may stand."""

CONTEXTS: dict[str, tuple[str, Make]] = {
    "password in env": ("DB_HOST=db\nDB_PASSWORD={}\nDB_PORT=5432", _password),
    "password in export": ('export PGPASSWORD="{}"; psql -h db', _password),
    "password flag": ("backup --user root --password {} --all", _password),
    "password flag with =": ("backup --password={} --all", _password),
    "mysql -p": ("mysql -u root -p{} shop", _password),
    "sshpass": ("sshpass -p '{}' ssh pi@10.0.0.7 uptime", _password),
    "curl -u": ("curl -u milo:{} https://cloud.example.org/dav", _password),
    "password in json": ('{{"user": "milo", "password": "{}"}}', _password),
    "password in yaml": ("database:\n  password: {}\n  name: shop", _password),
    "password in python": ("connect(host='db', password='{}')", _password),
    "password told": ("my wifi password is {} in case you need it", _password),
    "netrc": ("machine api.example.org login milo password {}", _password),
    "url password": ("postgres://shop:{}@db.example.org:5432/shop", _of("{14:a}")),
    "url password with @": ("ftp://bob:{}@ftp.example.org/a", _of("{1:a}@{4:a}!{3:a}@{4:a}")),
    "redis url": ("redis://:{}@cache:6379/0", _of("{18:a}")),
    "bearer header": ("Authorization: Bearer {}", _of("{40:u}")),
    "basic header": ("Authorization: Basic {}==", _of("{34:a}")),
    "bearer in curl": ('curl -H "Authorization: Bearer {}" https://api.example.org', _of("{32:h}")),
    "cookie": ("Cookie: theme=dark; session={}; lang=de", _of("{32:a}")),
    "set-cookie": ("Set-Cookie: sid={}; Path=/; HttpOnly", _of("{26:a}")),
    "api key in json": ('{{"api_key": "{}", "page": 2}}', _of("{32:h}")),
    "token in env": ("HOME_ASSISTANT_TOKEN={}", _of("{40:u}")),
    "client secret": ("client_secret: {}", _of("{32:u}")),
    "aws secret": ("aws_secret_access_key = {}", _of("{40:b}")),
    "token in query": ("https://api.example.org/v1?access_token={}&page=2", _of("{36:a}")),
    "url signature": ("https://x.blob.core.windows.net/a?sv=2024&sig={}%3D", _of("{43:a}")),
    "token flag": ("deploy --token {} --env prod", _of("{36:a}")),
    "docker login": ('{{"auths": {{"registry.example.org": {{"auth": "{}"}}}}}}', _basic),
    "npmrc": ("//registry.example.org/:_auth={}\nalways-auth=true", _basic),
    "wpa_supplicant": ('network={{\n  ssid="home"\n  psk="{}"\n}}', _of("{4:l} {5:l} {6:l}")),
    "wpa_supplicant key": ('network={{\n  ssid="home"\n  psk={}\n}}', _of("{64:h}")),
    "hostapd": ("ssid=home\nwpa_passphrase={}\nwpa=2", _of("{5:l} {5:l} {2:9}")),
    "echo to sudo": ("echo '{}' | sudo -S apt-get update", _chosen),
    "printf to sudo": ("printf '%s\\n' \"{}\" | sudo -k -S -p '' true", _chosen),
    "here-string to sudo": ("sudo -S systemctl restart nginx <<< '{}'", _chosen),
    "htpasswd": ("htpasswd -cb /etc/nginx/.htpasswd milo {} && nginx -t", _chosen),
    "htpasswd without a file": ("htpasswd -nbB milo {} | tee users", _chosen),
    "putty key": (_PPK, _of("{64:b}\n{42:b}==")),
    "passwd on a line": ("host: db\npasswd: {}\nport: 5432", _chosen),
    "passwd at an end": ("log in as root, passwd: {}.", _chosen),
    "password in ini": ("[client]\nuser=milo\npassword={}\nhost=db", _chosen),
    "short api key": ("https://api.example.org/v1?api_key={}&page=2", _short_key),
    "short api key in json": ('{{"apiKey": "{}", "page": 2}}', _short_key),
    "bare authorization": ("curl -H 'Authorization: {}' https://x.org", _short_key),
}
"""Secrets that only what stands before them shows; `{}` is the secret."""


class Planted(NamedTuple):
    """A line with a secret in it: by format, by where it stands, and the text that must go."""

    kind: str
    place: str
    secret: str
    line: bytes


def planted(seed: int, rounds: int) -> Iterator[Planted]:
    """Yield each format in each place, and each context, so many times, each time another one."""
    dice = random.Random(seed)
    for _ in range(rounds):
        for kind, make in FORMATS.items():
            for place, text in PLACES.items():
                secret = make(dice)
                yield from _lines(dice, kind, place, secret, text.format(secret))
        for kind, (text, make) in CONTEXTS.items():
            secret = make(dice)
            yield from _lines(dice, kind, "", secret, text.format(secret))


def _lines(dice: random.Random, kind: str, place: str, secret: str, text: str) -> Iterator[Planted]:
    shape = dice.choice(list(SHAPES))
    yield Planted(kind, f"{place} {shape}".strip(), secret, orjson.dumps(SHAPES[shape](text)))


def _message(role: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more}
    return {"type": "message", "id": "1f2e3d4c", "parentId": "0a1b2c3d", "message": message}


def _call(text: str) -> dict[str, Any]:
    return {"type": "toolCall", "id": "call_7", "name": "exec", "arguments": {"command": text}}


SHAPES: dict[str, Callable[[str], dict[str, Any]]] = {
    "asked": lambda text: _message("user", [{"type": "text", "text": text}]),
    "answered": lambda text: _message("assistant", [{"type": "text", "text": text}]),
    "called": lambda text: _message("assistant", [_call(text)]),
    "printed": lambda text: _message(
        "toolResult", [{"type": "text", "text": text}], details={"aggregated": text, "exitCode": 0}
    ),
    "in JSON": lambda text: _message(
        "toolResult", [{"type": "text", "text": orjson.dumps({"stdout": text}).decode()}]
    ),
    "in JSON in JSON": lambda text: _message(
        "toolResult",
        [{"type": "text", "text": orjson.dumps({"body": orjson.dumps([text]).decode()}).decode()}],
    ),
}
"""The entries of a session log in which a text may stand."""


def leaks(one: Planted, line: bytes) -> bool:
    """Whether the secret, or most of it, is still in a redacted line."""
    text = line.decode()
    pieces = [piece for piece in one.secret.split("\n") if not piece.startswith("-----")]
    return any(piece in text or orjson.dumps(piece)[1:-1].decode() in text for piece in pieces)
