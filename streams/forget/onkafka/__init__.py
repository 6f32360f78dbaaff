"""Forgetting on Kafka: topics are written anew without what goes, and every offset stays."""
