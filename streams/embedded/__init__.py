"""The embedded broker: topics, partitions, offsets and consumer groups in one SQLite file.

``log`` is the log itself and imports neither asyncio nor Faust; ``transport`` puts it under Faust
as ``embedded:///absolute/path/to/log.db``.
"""
