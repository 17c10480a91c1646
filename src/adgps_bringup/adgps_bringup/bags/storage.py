"""What the two kinds of storage files have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from adgps_bringup.bags.topic import Topic


@dataclass(frozen=True)
class Message:
    """One message of a bag: its topic, when it was recorded and published [ns], serialised data."""

    topic: Topic
    stamp_ns: int
    data: bytes = field(repr=False)
    published_ns: int = 0


@dataclass
class Contents:
    """What a storage file holds: topics, messages of each by name, and the time of first and last.

    Times are nanoseconds since the epoch; a file without messages has none.
    """

    topics: dict[str, Topic] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, topic: Topic, stamp_ns: int) -> None:
        """Count a message."""
        self.topics.setdefault(topic.name, topic)
        self.counts[topic.name] += 1
        self.first_ns = stamp_ns if self.first_ns is None else min(self.first_ns, stamp_ns)
        self.last_ns = stamp_ns if self.last_ns is None else max(self.last_ns, stamp_ns)

    @property
    def messages(self) -> int:
        """Number of messages."""
        return self.counts.total()


class StorageWriter(Protocol):
    """Writes one storage file. What `flush` has returned for outlives the process."""

    def add_topic(self, topic: Topic) -> None:
        """Announce a topic, before its first message."""

    def write(self, message: Message) -> None:
        """Append a message of an announced topic."""

    def flush(self) -> None:
        """Hand everything to the system."""

    def close(self, metadata: str) -> None:
        """Complete the file; metadata is the text that it shall carry, in YAML."""


class Storage(Protocol):
    """One kind of storage files."""

    SUFFIX: str
    """What file names end with, with the dot."""

    def create(self, path: Path) -> StorageWriter:
        """Begin a file."""

    def salvage(self, path: Path) -> Iterator[Message]:
        """Read the messages of a file that was not completed, up to where it is damaged."""

    def is_complete(self, path: Path) -> bool:
        """Whether a file was completed."""
