"""The settings in the words of the clients."""

from pathlib import Path

import pytest

from schemas.settings import Broker, Kafka, Settings
from streams.flow import BrokerError
from streams.kafka.connection import Connection, servers


def connection(**kafka: object) -> Connection:
    return Connection(
        Settings(broker=Broker(url="kafka://one,two:9093", kafka=Kafka.model_validate(kafka)))
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("kafka://one", ["one:9092"]),
        ("kafka://one:9093/", ["one:9093"]),
        ("kafka://one, two:7", ["one:9092", "two:7"]),
        ("kafka://[::1]:9092", ["[::1]:9092"]),
    ],
)
def test_servers(url: str, expected: list[str]) -> None:
    assert list(servers(url)) == expected


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://one:port", "kafka://one,,two", "kafka://me:pass@one"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BrokerError, match=r"broker\.url.*kafka://host:9092"):
        servers(url)


def test_faust_is_told_the_same_servers() -> None:
    assert connection().faust_url == "clawback-kafka://one:9092;clawback-kafka://two:9093"
    assert connection().client()["security_protocol"] == "PLAINTEXT"
    assert connection().faust() == {}


def test_a_password_comes_from_a_file_or_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from-file\n")
    told = connection(sasl="scram-sha-256", username="milo", password_file=str(file)).client()
    assert told["security_protocol"] == "SASL_PLAINTEXT"
    assert told["sasl_mechanism"] == "SCRAM-SHA-256"
    assert told["sasl_plain_password"] == "from-file"
    told = connection(
        sasl="plain", username="milo", password="itself", password_file=str(file)
    ).client()
    assert told["sasl_plain_password"] == "itself"


def test_what_is_missing_is_said() -> None:
    with pytest.raises(BrokerError, match="CLAWBACK_BROKER__KAFKA__PASSWORD"):
        connection(sasl="plain", username="milo")
    with pytest.raises(BrokerError, match="username"):
        connection(sasl="plain", password="x")
    with pytest.raises(BrokerError, match="password_file"):
        connection(sasl="plain", username="milo", password_file="/nowhere")
    with pytest.raises(BrokerError, match="tls_ca"):
        connection(tls=True, tls_ca="/nowhere")
