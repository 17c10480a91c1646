"""Reads a bag; one that was cut short is mended first."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2 import Reader, ReaderError

from adgps_bringup.bags.folder import find_bag, locked, mend
from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import BagError, Topic


class Bag:
    """An open bag; a context manager.

    Parameters
    ----------
    path : the bag's folder, a run's folder with a bag in it, or a storage file.
    say : called with one line if the bag had to be mended.

    Raises
    ------
    BagError
        If there is no bag, it is being recorded, or it cannot be read.
    """

    def __init__(self, path: Path, say: Callable[[str], object]) -> None:
        self.path = find_bag(path)
        if self.path.is_dir():
            with locked(self.path):
                if said := mend(self.path):
                    say(said)
                find_bag(self.path)  # nothing may have been left to save
        self._reader = Reader(self.path)
        try:
            self._reader.open()
        except (ReaderError, OSError) as error:
            raise BagError(f"{self.path} cannot be read: {str(error).splitlines()[0]}") from error
        self._topics = {c.id: _topic(c) for c in self._reader.connections}
        self.topics = {topic.name: topic for topic in self._topics.values()}
        self.counts = {c.topic: c.msgcount for c in self._reader.connections}

    def __enter__(self) -> Bag:
        """Read from now on."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        self.close()

    @property
    def duration_s(self) -> float:
        """Time from the first message to the last [s]."""
        return max(self._reader.duration - 1, 0) / 1e9

    @property
    def start_ns(self) -> int:
        """When the first message was recorded [ns]."""
        return self._reader.start_time

    def messages(self, names: Collection[str] | None = None) -> Iterator[Message]:
        """Yield messages in the order of recording; of some topics only, if names are given."""
        chosen = [c for c in self._reader.connections if names is None or c.topic in names]
        try:
            for connection, stamp_ns, data in self._reader.messages(chosen) if chosen else ():
                yield Message(self._topics[connection.id], stamp_ns, bytes(data))
        except ReaderError as error:
            raise BagError(f"{self.path} is damaged: {str(error).splitlines()[0]}") from error

    def close(self) -> None:
        """Close the files."""
        with suppress(ReaderError):
            self._reader.close()


def readable(path: Path) -> Path:
    """Folder or file of a bag that may be read; BagError says why it may not."""
    found = find_bag(path)
    if not os.access(found, os.R_OK):
        raise BagError(f"cannot read {found}: no permission")
    return found


def _topic(connection: Connection) -> Topic:
    """Topic of a connection."""
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    return Topic(
        connection.topic,
        connection.msgtype,
        connection.msgdef.data,
        connection.digest,
        tuple(connection.ext.offered_qos_profiles),
    )
