"""Apache Kafka as the broker: `KafkaBroker` for what Faust has no call for, and Faust's own
driver for the agents."""
