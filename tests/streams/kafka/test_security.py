"""SASL and TLS against a Kafka that demands them."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.settings import Broker, Kafka, Paths, Settings
from streams.batch import BatchStage
from streams.broker import open_broker
from streams.flow import BrokerError, Outgoing
from streams.kafka.connection import Connection
from tests.streams.kafka.worker import Numbering
from tests.support.kafka import KafkaProcess, need

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_milo="plain-secret";'
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class Guarded:
    """A Kafka with one listener more for each way in, and its own certificate."""

    process: KafkaProcess
    certificate: Path

    def port(self, listener: str) -> int:
        text = (self.process.folder / "node-1/server.properties").read_text()
        [line] = [line for line in text.splitlines() if line.startswith("listeners=")]
        [place] = [part for part in line[10:].split(",") if part.startswith(listener + ":")]
        return int(place.rsplit(":", 1)[1])


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    need()
    if shutil.which("openssl") is None:
        pytest.fail("openssl, which makes the test's certificate, is not on this machine")
    folder = tmp_path_factory.mktemp("guarded")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    store = folder / "store.pem"
    store.write_text(key.read_text() + certificate.read_text())
    listeners = ",".join(
        f"{name}://127.0.0.1:{free_port()}" for name in ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
    )
    process = KafkaProcess(
        folder / "kafka",
        *("--set", f"listeners={{listeners}},{listeners}"),
        *("--set", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512"),
        *("--set", f"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={SCRAM}"),
        *("--set", f"listener.name.sasl_plaintext.plain.sasl.jaas.config={PLAIN}"),
        *("--set", f"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={SCRAM}"),
        *("--set", f"listener.name.sasl_ssl.plain.sasl.jaas.config={PLAIN}"),
        *("--set", "ssl.keystore.type=PEM", "--set", f"ssl.keystore.location={store}"),
        *("--scram", "SCRAM-SHA-512=[name=ada,password=scram-secret]"),
    )
    yield Guarded(process, certificate)
    process.stop()


def settings(guarded: Guarded, listener: str, home: Path, **kafka: object) -> Settings:
    if listener != "SASL_PLAINTEXT":
        kafka = {"tls": True, "tls_ca": str(guarded.certificate), **kafka}
    url = f"kafka://127.0.0.1:{guarded.port(listener)}"
    return Settings(
        paths=Paths(home=home),
        broker=Broker(url=url, prefix=home.name, kafka=Kafka.model_validate(kafka)),
    )


@pytest.mark.parametrize(
    ("listener", "kafka"),
    [
        ("SASL_PLAINTEXT", {"sasl": "plain", "username": "milo", "password": "plain-secret"}),
        (
            "SASL_PLAINTEXT",
            {"sasl": "scram-sha-512", "username": "ada", "password": "scram-secret"},
        ),
        ("SASL_SSL", {"sasl": "scram-sha-512", "username": "ada", "password": "scram-secret"}),
        ("SSL", {}),
    ],
    ids=["plain", "scram", "scram-tls", "tls"],
)
async def test_a_stage_runs(
    guarded: Guarded, listener: str, kafka: dict[str, object], tmp_path: Path
) -> None:
    given = settings(guarded, listener, tmp_path, **kafka)
    broker = open_broker(given)
    try:
        await asyncio.to_thread(broker.ensure_topics)
        await broker.publish([Outgoing("turns", b"k", b"v")])
        stage = BatchStage("guarded", ["turns"], "1", Numbering(), given, broker)
        await stage.start()
        try:
            async with asyncio.timeout(30):
                while sum([await broker.end("candidates", p) for p in range(4)]) < 1:
                    assert not stage.failed.done()
                    await asyncio.sleep(0.1)
        finally:
            await stage.stop()
    finally:
        broker.close()


@pytest.mark.parametrize(
    ("listener", "kafka", "words"),
    [
        (
            "SASL_PLAINTEXT",
            {"sasl": "plain", "username": "milo", "password": "no"},
            "refused the user name or the password",
        ),
        (
            "SASL_SSL",
            {"sasl": "scram-sha-512", "username": "ada", "password": "no"},
            "refused the user name or the password",
        ),
        (
            "SASL_PLAINTEXT",
            {"sasl": "scram-sha-256", "username": "ada", "password": "scram-secret"},
            "does not offer",
        ),
        ("SSL", {"tls_ca": ""}, "certificate"),
        ("SASL_PLAINTEXT", {}, "can't be reached"),
    ],
    ids=["plain", "scram", "mechanism", "untrusted", "no-sasl"],
)
def test_what_is_refused_is_said_in_words(
    guarded: Guarded, listener: str, kafka: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(BrokerError, match=words) as caught:
        open_broker(settings(guarded, listener, tmp_path, **kafka))
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown(guarded: Guarded, tmp_path: Path) -> None:
    given = settings(
        guarded, "SSL", tmp_path, sasl="plain", username="milo", password="plain-secret"
    )
    assert "plain-secret" not in repr(given) + str(Connection(given))
