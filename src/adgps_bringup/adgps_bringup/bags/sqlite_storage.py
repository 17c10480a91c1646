"""Storage files in SQLite, rosbag2's other kind.

Messages are committed when a flush asks for it. SQLite keeps what a commit changes in a journal
beside the file until it is done, and whoever opens the file next takes back a half-done one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer

from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import Topic

SUFFIX = ".db3"
_METADATA_VERSION = 9


class SqliteWriter:
    """Writes one SQLite file; a `StorageWriter`."""

    def __init__(self, path: Path) -> None:
        """Begin the file, which must not be there yet."""
        path.touch(exist_ok=False)
        self._database = sqlite3.connect(path)
        # Not a write-ahead log: readers of finished bags open the one file and no other.
        self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(Sqlite3Writer.SQLITE_SCHEMA)
        self._topics: dict[str, int] = {}
        self._types: set[str] = set()

    def add_topic(self, topic: Topic) -> None:
        """Announce a topic."""
        if topic.type not in self._types:
            self._types.add(topic.type)
            self._database.execute(
                "INSERT INTO message_definitions (topic_type, encoding,"
                " encoded_message_definition, type_description_hash) VALUES (?, ?, ?, ?)",
                (topic.type, "ros2msg", topic.definition, topic.type_hash),
            )
        cursor = self._database.execute(
            "INSERT INTO topics (name, type, serialization_format, offered_qos_profiles,"
            " type_description_hash) VALUES (?, ?, ?, ?, ?)",
            (topic.name, topic.type, "cdr", topic.qos_text, topic.type_hash),
        )
        assert cursor.lastrowid is not None
        self._topics[topic.name] = cursor.lastrowid

    def write(self, message: Message) -> None:
        """Append a message."""
        self._database.execute(
            "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)",
            (self._topics[message.topic.name], message.stamp_ns, message.data),
        )

    def flush(self) -> None:
        """Commit what was written."""
        self._database.commit()

    def close(self, metadata: str) -> None:
        """Add the metadata and complete the file."""
        self._database.execute(
            "INSERT INTO metadata (metadata_version, metadata) VALUES (?, ?)",
            (_METADATA_VERSION, metadata),
        )
        self._database.commit()
        self._database.close()


def create(path: Path) -> SqliteWriter:
    """Begin a file."""
    return SqliteWriter(path)


def salvage(path: Path) -> Iterator[Message]:
    """Read the messages by time, up to where the file is damaged; opening it mends the rest."""
    try:
        with closing(sqlite3.connect(path)) as database:
            definitions = dict(
                database.execute(
                    "SELECT topic_type, encoded_message_definition FROM message_definitions"
                )
            )
            topics = {
                key: Topic(name, kind, definitions.get(kind, ""), digest, Topic.read_qos(qos))
                for key, name, kind, qos, digest in database.execute(
                    "SELECT id, name, type, offered_qos_profiles, type_description_hash FROM topics"
                )
            }
            rows = database.execute(
                "SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id"
            )
            for key, stamp_ns, data in rows:
                yield Message(topics[key], stamp_ns, data)
    except sqlite3.DatabaseError:
        return


def is_complete(path: Path) -> bool:
    """Whether a file has its metadata and nothing to be taken back."""
    if path.with_name(f"{path.name}-journal").exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT count(*) FROM metadata").fetchone()[0])
    except sqlite3.DatabaseError:
        return False
