"""How Kafka is reached: the settings in the words of aiokafka and of Faust."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from schemas.settings import Kafka, Settings
from streams.flow import BrokerError

SCHEME = "kafka://"
DRIVER = "clawback-kafka://"
PORT = 9092
PASSWORD = "CLAWBACK_BROKER__KAFKA__PASSWORD"
REQUEST_TIMEOUT = 30.0
"""Seconds until a request that gets no answer is given up."""


class Connection:
    """Where Kafka listens and who we are to it.

    Raises:
        BrokerError: the address makes no sense, a file can't be read, or a password is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.broker.kafka
        self.servers = servers(settings.broker.url)
        self._tls = _tls(self._kafka) if self._kafka.tls else None
        self._password = _password(self._kafka) if self._kafka.sasl != "none" else None

    def __str__(self) -> str:
        return SCHEME + ",".join(self.servers)

    @property
    def faust_url(self) -> str:
        """The servers as Faust takes them."""
        return ";".join(DRIVER + server for server in self.servers)

    def client(self) -> dict[str, Any]:
        """Return the arguments that every client of aiokafka takes."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "client_id": "clawback",
            "request_timeout_ms": int(REQUEST_TIMEOUT * 1000),
            "security_protocol": self._protocol,
            "ssl_context": self._tls,
        }
        if self._password is not None:
            arguments |= {
                "sasl_mechanism": self._kafka.sasl.upper(),
                "sasl_plain_username": self._kafka.username,
                "sasl_plain_password": self._password,
            }
        return arguments

    def faust(self) -> Mapping[str, Any]:
        """Return what tells ``faust.App`` the same."""
        # Importing Faust takes a second, which a process that only publishes has no use for.
        from faust.auth import SASLCredentials, SSLCredentials

        if self._password is not None:
            credentials = SASLCredentials(
                username=self._kafka.username,
                password=self._password,
                ssl_context=self._tls,
                mechanism=self._kafka.sasl.upper(),
            )
            return {"broker_credentials": credentials}
        if self._tls is not None:
            return {"broker_credentials": SSLCredentials(self._tls)}
        return {}

    @property
    def _protocol(self) -> str:
        if self._password is not None:
            return "SASL_PLAINTEXT" if self._tls is None else "SASL_SSL"
        return "PLAINTEXT" if self._tls is None else "SSL"


def servers(url: str) -> tuple[str, ...]:
    """Return the ``host:port`` of each server in ``kafka://host[:port][,...]``.

    Raises:
        BrokerError: there is none, or one that is no address.
    """
    found = []
    for part in url.removeprefix(SCHEME).rstrip("/").split(","):
        try:
            address = urlsplit(f"//{part.strip()}")
            host, port = address.hostname, address.port or PORT
        except ValueError:
            host, port = None, PORT
        if not host or address.path or address.username:
            raise BrokerError(
                f"broker.url = {url!r}: {part!r} is no address; "
                'write it like "kafka://host:9092" or "kafka://one:9092,two:9092"'
            )
        found.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return tuple(found)


def _tls(kafka: Kafka) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=_file(kafka.tls_ca))
        if kafka.tls_certificate:
            context.load_cert_chain(Path(kafka.tls_certificate).expanduser(), _file(kafka.tls_key))
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(
            "a TLS file that [broker.kafka] names can't be used "
            f"(tls_ca, tls_certificate, tls_key): {error}"
        ) from error
    return context


def _file(name: str) -> str | None:
    return str(Path(name).expanduser()) if name else None


def _password(kafka: Kafka) -> str:
    given = kafka.password.get_secret_value()
    if not given and kafka.password_file:
        path = Path(kafka.password_file).expanduser()
        try:
            given = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BrokerError(
                f"broker.kafka.password_file: {path} can't be read: {error}"
            ) from error
    if not given or not kafka.username:
        raise BrokerError(
            f'broker.kafka.sasl = "{kafka.sasl}" needs a username, and the password in the '
            f"environment variable {PASSWORD} or in a file that password_file names"
        )
    return given
