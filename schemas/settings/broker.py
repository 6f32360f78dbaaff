"""What carries the topics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from schemas.durations import Seconds
from schemas.settings.section import Section


class Kafka(Section):
    """How Apache Kafka is spoken to."""

    replication: int = Field(
        1,
        ge=1,
        le=9,
        description="On how many of its nodes Kafka keeps each record; 3 where there are three.",
    )
    sasl: Literal["none", "plain", "scram-sha-256", "scram-sha-512"] = Field(
        "none", description="How Kafka is told who you are."
    )
    username: str = Field("", description="The user's name, where sasl is not none.")
    password: SecretStr = Field(
        SecretStr(""), description="Only by environment; or name a file with password_file."
    )
    password_file: str = Field(
        "",
        description="A file that holds the password; or set the environment variable "
        "CLAWBACK_BROKER__KAFKA__PASSWORD.",
    )
    tls: bool = Field(False, description="Whether the connection is encrypted.")
    tls_ca: str = Field(
        "", description='Certificates to trust, a PEM file; "" trusts those this machine does.'
    )
    tls_certificate: str = Field(
        "", description="Your own certificate, a PEM file, where Kafka asks for one."
    )
    tls_key: str = Field("", description="Its private key, where that is in a file of its own.")


class Broker(Section):
    """What carries the topics."""

    url: str = Field(
        "embedded",
        description='"embedded" keeps the topics in one file under paths.home; '
        '"kafka://host:9092" uses Apache Kafka.',
    )
    prefix: str = Field("clawback", description="The first part of every topic and group name.")
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of a topic that does not exist yet."
    )
    retention: Seconds = Field(
        -1,
        description="How long records are kept; -1 keeps them for ever, for replay.",
    )
    kafka: Kafka = Field(
        Kafka(), description='How Apache Kafka is spoken to, where url is "kafka://...".'
    )
