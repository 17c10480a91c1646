"""The folder of a bag: its storage files, who is writing into it, and mending what was cut short.

A recorder that is killed leaves a storage file without its end and a metadata.yaml that is missing
or does not list the file. Whatever such a file holds is taken over into a complete one.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adgps_bringup.bags import mcap_storage, sqlite_storage
from adgps_bringup.bags.metadata import FILE, Metadata
from adgps_bringup.bags.storage import Contents, Storage
from adgps_bringup.bags.topic import BagError, NoBagError, Topic

STORAGES: dict[str, Storage] = {"mcap": mcap_storage, "sqlite3": sqlite_storage}
"""Kinds of storage by the names that rosbag2 has for them."""

_DAMAGED = ".damaged"
_PARTIAL = ".partial"


def storage_of(name: str) -> Storage:
    """Kind of storage of a name; BagError if there is none."""
    if name not in STORAGES:
        raise BagError(f"unknown storage {name!r}, known: {', '.join(STORAGES)}")
    return STORAGES[name]


def find_bag(path: Path) -> Path:
    """Folder or storage file of a bag; a run's folder stands for the bag in it.

    Raises
    ------
    BagError
        If there is no bag.
    """
    suffixes = tuple(storage.SUFFIX for storage in STORAGES.values())
    if path.is_file() and path.suffix in suffixes:
        return path
    for folder in (path, path / "bag"):
        if (folder / FILE).is_file() or (
            folder.is_dir() and any(file.suffix in suffixes for file in folder.iterdir())
        ):
            return folder
    raise NoBagError(f"there is no bag in {path}" if path.exists() else f"{path} does not exist")


def find_or_name(path: Path) -> Path:
    """Find a bag as `find_bag` does; of one that is gone, the path itself. Both are absolute."""
    try:
        return find_bag(path).absolute()
    except NoBagError:
        return path.absolute()


def storage_files(folder: Path) -> dict[str, list[str]]:
    """Names of the storage files in a folder by kind, in the order of recording."""
    found: dict[str, list[str]] = {}
    for name, storage in STORAGES.items():
        files = [path.name for path in folder.glob(f"*{storage.SUFFIX}")]
        if files:
            found[name] = sorted(files, key=split_number)
    return found


def split_number(name: str) -> int:
    """Place of a storage file among those of its bag, from its name; 0 if it says none."""
    match = re.search(r"_(\d+)\.\w+$", name)
    return int(match[1]) if match else 0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a bag's folder; BagError while somebody is recording into it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BagError(f"{folder} is being recorded now") from error
    finally:
        os.close(descriptor)


def mend(folder: Path) -> str:
    """Complete a bag that was cut short; nothing happens to a sound one.

    To be called with the folder locked.

    Returns
    -------
    One line that says what was saved; empty if nothing was wrong.

    Raises
    ------
    BagError
        If it is no bag that can be mended, or the folder cannot be written.
    """
    found = storage_files(folder)
    try:
        listed = {entry.name for entry in Metadata.read(folder).files}
    except FileNotFoundError:
        listed = set()
    if listed >= {file for files in found.values() for file in files}:
        return ""  # rosbag2 may have compressed files, of other names
    if len(found) != 1:
        raise BagError(f"{folder} holds files of {' and of '.join(found)}")
    ((name, files),) = found.items()
    try:
        return _mend(folder, name, files)
    except OSError as error:
        raise BagError(f"{folder} was cut short and cannot be mended: {error}") from error


def _mend(folder: Path, name: str, files: list[str]) -> str:
    """Complete every storage file, and write metadata.yaml anew."""
    metadata, cut = Metadata(name), []
    for file in files:
        contents, complete = _complete(folder / file, name, metadata.topics)
        if contents.messages:
            metadata.add(file, contents)
        if not complete:
            cut.append(file)
    if metadata.files:
        metadata.write(folder)
    problem = f"{', '.join(cut)} had no end" if cut else "it had no metadata.yaml"
    saved, topics = sum(metadata.counts.values()), len(metadata.topics)
    return f"mended {folder}: {problem}; saved {saved} messages of {topics} topics"


def _complete(path: Path, name: str, topics: dict[str, Topic]) -> tuple[Contents, bool]:
    """Contents of a storage file, which is complete afterwards; whether it was before.

    A file that holds nothing is put aside under another name.

    Parameters
    ----------
    path : of the storage file.
    name : of its kind of storage.
    topics : of earlier files of the bag; the same ones are written alike.
    """
    storage, contents = STORAGES[name], Contents()
    if storage.is_complete(path):
        for message in storage.salvage(path):
            contents.add(message.topic, message.stamp_ns)
        return contents, True
    partial = path.with_name(f"{path.name}{_PARTIAL}")
    partial.unlink(missing_ok=True)
    writer = storage.create(partial)
    announced: dict[str, Topic] = {}
    for message in storage.salvage(path):
        topic = announced.get(message.topic.name)
        if topic is None:
            earlier = topics.get(message.topic.name, message.topic)
            topic = replace(message.topic, qos=earlier.qos)
            announced[topic.name] = topic
            writer.add_topic(topic)
        writer.write(message)
        contents.add(topic, message.stamp_ns)
    own = Metadata(name)
    own.add(path.name, contents)
    writer.close(own.dump())
    if contents.messages:
        partial.replace(path)
    else:
        partial.unlink()
        path.replace(path.with_name(f"{path.name}{_DAMAGED}"))
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    return contents, False
