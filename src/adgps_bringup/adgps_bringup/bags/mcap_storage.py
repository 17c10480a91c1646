"""Storage files in MCAP, rosbag2's own default.

Every message is a chunk of its own, which is handed to the system as soon as it is written: whole
chunks are what is left of a file that was cut short. That costs 200 bytes a message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Channel, Schema
from mcap.records import Message as McapMessage
from mcap.stream_reader import MAGIC_SIZE, CRCValidationError, StreamReader
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import Topic

SUFFIX = ".mcap"
_CHUNK_SIZE = 0
"""Bytes that a chunk may hold before the message that ends it."""

_QOS, _HASH = "offered_qos_profiles", "topic_type_hash"


class McapWriter:
    """Writes one MCAP file; a `StorageWriter`."""

    def __init__(self, path: Path) -> None:
        """Begin the file, which must not be there yet."""
        self._stream = path.open("xb")
        # Samples of noise do not compress: about a tenth would be gained, at thrice the time.
        self._writer = Writer(self._stream, _CHUNK_SIZE, CompressionType.NONE)
        self._writer.start(profile="ros2", library="adgps")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}

    def add_topic(self, topic: Topic) -> None:
        """Announce a topic."""
        if topic.type not in self._schemas:
            encoding, text = ("ros2msg", topic.definition) if topic.definition else ("", "")
            schema = self._writer.register_schema(topic.type, encoding, text.encode())
            self._schemas[topic.type] = schema
        metadata = {_QOS: topic.qos_text, _HASH: topic.type_hash}
        self._channels[topic.name] = self._writer.register_channel(
            topic.name, "cdr", self._schemas[topic.type], metadata
        )

    def write(self, message: Message) -> None:
        """Append a message."""
        self._writer.add_message(
            self._channels[message.topic.name],
            message.stamp_ns,
            message.data,
            message.published_ns or message.stamp_ns,
        )
        self._stream.flush()

    def flush(self) -> None:
        """Nothing is left to hand over."""

    def close(self, metadata: str) -> None:
        """Write indexes and metadata."""
        self._writer.add_metadata("rosbag2", {"serialized_metadata": metadata})
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._stream.close()


def create(path: Path) -> McapWriter:
    """Begin a file."""
    return McapWriter(path)


def salvage(path: Path) -> Iterator[Message]:
    """Read the messages in file order, up to where the file is damaged."""
    schemas: dict[int, Schema] = {}
    topics: dict[int, Topic] = {}
    with path.open("rb") as stream:
        records = iter(StreamReader(stream, validate_crcs=True).records)
        while True:
            try:
                record = next(records, None)
            except (McapError, CRCValidationError, struct.error, ValueError, EOFError):
                return
            if record is None:
                return
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel) and record.schema_id in schemas:
                topics[record.id] = _topic(record, schemas[record.schema_id])
            elif isinstance(record, McapMessage) and record.channel_id in topics:
                topic = topics[record.channel_id]
                yield Message(topic, record.log_time, bytes(record.data), record.publish_time)


def is_complete(path: Path) -> bool:
    """Whether a file ends as a completed one does."""
    with path.open("rb") as stream:
        if stream.seek(0, 2) < 2 * MAGIC_SIZE:
            return False
        stream.seek(-MAGIC_SIZE, 2)
        return stream.read() == MCAP0_MAGIC


def _topic(channel: Channel, schema: Schema) -> Topic:
    """Topic of a channel."""
    return Topic(
        channel.topic,
        schema.name,
        schema.data.decode(errors="replace"),
        channel.metadata.get(_HASH, ""),
        Topic.read_qos(channel.metadata.get(_QOS, "")),
    )
