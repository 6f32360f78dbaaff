"""Fixtures that any test may take."""

pytest_plugins = ["tests.support.kafka"]
