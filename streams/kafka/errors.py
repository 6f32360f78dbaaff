"""What went wrong with Kafka, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors

from streams.flow import BrokerError


@contextmanager
def translated(where: object, doing: str) -> Iterator[None]:
    """Raise what aiokafka raises as a `BrokerError`.

    Args:
        where: the connection, as text.
        doing: what was attempted, to be read after "while": "publishing 12 records".
    """
    try:
        yield
    except BrokerError:
        raise
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"{explain(where, error)} (while {doing})") from error


def explain(where: object, error: BaseException) -> str:
    """Return one sentence for a person who set up Kafka."""
    match error:
        case TimeoutError() | errors.KafkaTimeoutError() | errors.RequestTimedOutError():
            return f"{where} did not answer in time; are enough of its nodes up?"
        case errors.SaslAuthenticationFailed() | errors.AuthenticationFailedError():
            return f"{where} refused the user name or the password of [broker.kafka]"
        case errors.UnsupportedSaslMechanismError():
            return f"{where} does not offer what broker.kafka.sasl names"
        case errors.KafkaConnectionError() | OSError():
            return (
                f"{where} can't be reached: {error}; is Kafka up there, and do [broker.kafka] tls "
                "and sasl say what it speaks? `make kafka` starts one on this machine"
            )
        case errors.TopicAuthorizationFailedError() | errors.GroupAuthorizationFailedError():
            return f"{where} does not let this user do that: {error}"
        case errors.MessageSizeTooLargeError():
            return f"{where} refused a record for its size; raise its message.max.bytes"
        case errors.UnknownTopicOrPartitionError():
            return f"{where} has no such topic: {error}"
    return f"{where}: {type(error).__name__}: {error}"
