"""Writes a bag: one storage file for every time that it is opened, and metadata.yaml at the end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from adgps_bringup.bags.definitions import define
from adgps_bringup.bags.folder import locked, mend, split_number, storage_files, storage_of
from adgps_bringup.bags.metadata import FILE, Metadata
from adgps_bringup.bags.storage import Contents, Message, StorageWriter
from adgps_bringup.bags.topic import BagError, Topic


class BagWriter:
    """Writes into a folder; one that holds a bag already is gone on with, in a new storage file.

    Parameters
    ----------
    folder : of the bag; made if it is not there.
    storage : "mcap" or "sqlite3".

    Raises
    ------
    BagError
        If somebody else is writing, or the bag that is there is of another kind.
    """

    def __init__(self, folder: Path, storage: str) -> None:
        self._folder = folder
        self._storage = storage_of(storage)
        self._held = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self._held.enter_context(locked(folder))
        self.mended = ""
        """What was saved of an earlier recording that was cut short, in one line."""
        self._metadata = Metadata(storage)
        self._next = 0
        try:
            self._look_at_what_is_there(storage)
        except BaseException:
            self._held.close()
            raise
        self._file: tuple[str, StorageWriter] | None = None
        self._contents = Contents()
        self._announced: dict[str, Topic] = {}

    def __enter__(self) -> BagWriter:
        """Write from now on."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the bag."""
        self.close()

    @property
    def messages(self) -> int:
        """Messages written since it was opened."""
        return self._contents.messages

    @property
    def topics(self) -> int:
        """Topics written since it was opened."""
        return len(self._contents.topics)

    def write(self, message: Message, *, flush: bool) -> None:
        """Append a message.

        Parameters
        ----------
        message : its topic's definition may be missing, and is then found by the type.
        flush : whether it, and all before it, shall outlive a kill of this process.

        Raises
        ------
        BagError
            If the type of the topic is not installed, or another than in the bag.
        """
        topic = self._announce(message.topic)
        assert self._file is not None
        self._file[1].write(message)
        self._contents.add(topic, message.stamp_ns)
        if flush:
            self._file[1].flush()

    def flush(self) -> None:
        """See that what was written outlives a kill of this process."""
        if self._file is not None:
            self._file[1].flush()

    def close(self) -> None:
        """Complete the storage file, write metadata.yaml, let go of the folder."""
        try:
            if self._file is not None:
                name, file = self._file
                self._file = None
                own = Metadata(self._metadata.storage)
                own.add(name, self._contents)
                file.close(own.dump())
                self._metadata.add(name, self._contents)
                self._metadata.write(self._folder)
        finally:
            self._held.close()

    def _look_at_what_is_there(self, storage: str) -> None:
        """Mend it if it needs to be, and continue the count of its files."""
        found = storage_files(self._folder)
        if not found and (self._folder / FILE).exists():
            raise BagError(f"{self._folder} holds a bag of compressed files, which is complete")
        if not found:
            return
        if set(found) != {storage}:
            raise BagError(f"{self._folder} holds a bag in {', '.join(found)}, not in {storage}")
        self._next = split_number(found[storage][-1]) + 1
        self.mended = mend(self._folder)
        if storage_files(self._folder):
            self._metadata = Metadata.read(self._folder)

    def _announce(self, topic: Topic) -> Topic:
        """Make a topic known to the file, as earlier files have it; the first one begins the file.

        Readers take a topic of one name for one of another if the QoS differs between files.
        """
        if topic.name in self._announced:
            return self._announced[topic.name]
        earlier = self._metadata.topics.get(topic.name, topic)
        if earlier.type != topic.type:
            raise BagError(f"{topic.name} is of type {earlier.type} in the bag, not {topic.type}")
        if not topic.definition:
            definition = define(topic.type)
            topic = replace(topic, definition=definition.text, type_hash=definition.type_hash)
        topic = replace(topic, qos=earlier.qos)
        if self._file is None:
            name = f"{self._folder.name}_{self._next}{self._storage.SUFFIX}"
            self._file = name, self._storage.create(self._folder / name)
        self._file[1].add_topic(topic)
        self._announced[topic.name] = topic
        return topic
