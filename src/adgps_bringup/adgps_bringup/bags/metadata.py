"""metadata.yaml of a bag, rosbag2's version 9."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from adgps_bringup.bags.storage import Contents
from adgps_bringup.bags.topic import BagError, Topic

FILE = "metadata.yaml"
VERSION = 9
_KEY = "rosbag2_bagfile_information"


@dataclass
class FileEntry:
    """A storage file: its name, and the times [ns] and the number of its messages."""

    name: str
    first_ns: int
    last_ns: int
    messages: int


@dataclass
class Metadata:
    """What metadata.yaml says of a bag.

    Parameters
    ----------
    storage : "mcap" or "sqlite3".
    files : in the order of recording.
    topics, counts : of all files, by the topics' names.
    """

    storage: str
    files: list[FileEntry] = field(default_factory=list)
    topics: dict[str, Topic] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, contents: Contents) -> None:
        """Add a storage file, and its topics that no earlier file has."""
        first = contents.first_ns or 0
        self.files.append(FileEntry(name, first, contents.last_ns or first, contents.messages))
        for key, topic in contents.topics.items():
            self.topics.setdefault(key, topic)
            self.counts[key] = self.counts.get(key, 0) + contents.counts[key]

    def dump(self) -> str:
        """Content of metadata.yaml."""
        return yaml.safe_dump({_KEY: self.information()}, sort_keys=False, allow_unicode=True)

    def information(self) -> dict[str, Any]:
        """Content of metadata.yaml below its one key."""
        filled = [file for file in self.files if file.messages]
        first = min((file.first_ns for file in filled), default=0)
        last = max((file.last_ns for file in filled), default=0)
        return {
            "version": VERSION,
            "storage_identifier": self.storage,
            "duration": {"nanoseconds": last - first},
            "starting_time": {"nanoseconds_since_epoch": first},
            "message_count": sum(self.counts.values()),
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.name,
                        "type": topic.type,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": topic.qos_list,
                        "type_description_hash": topic.type_hash,
                    },
                    "message_count": self.counts[topic.name],
                }
                for topic in self.topics.values()
            ],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [file.name for file in self.files],
            "files": [
                {
                    "path": file.name,
                    "starting_time": {"nanoseconds_since_epoch": file.first_ns},
                    "duration": {"nanoseconds": file.last_ns - file.first_ns},
                    "message_count": file.messages,
                }
                for file in self.files
            ],
            "custom_data": None,
            "ros_distro": "jazzy",
        }

    def write(self, folder: Path) -> None:
        """Write metadata.yaml whole or not at all."""
        partial = folder / f".{FILE}.partial"
        partial.write_text(self.dump(), encoding="utf-8")
        partial.replace(folder / FILE)

    @staticmethod
    def read(folder: Path) -> Metadata:
        """Read metadata.yaml.

        Raises
        ------
        FileNotFoundError
            If there is none.
        BagError
            If it is damaged, or of a kind that only rosbag2 itself can go on with.
        """
        text = (folder / FILE).read_text(encoding="utf-8")
        try:
            return Metadata._parse(yaml.safe_load(text)[_KEY])
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BagError(f"{folder / FILE} cannot be used: {reason}") from error

    @staticmethod
    def _parse(content: dict[str, Any]) -> Metadata:
        """Read what is below the one key; older versions lack files and hashes."""
        metadata = Metadata(content["storage_identifier"])
        start = content["starting_time"]["nanoseconds_since_epoch"]
        end = start + content["duration"]["nanoseconds"]
        metadata.files = [
            FileEntry(
                item["path"],
                first := item["starting_time"]["nanoseconds_since_epoch"],
                first + item["duration"]["nanoseconds"],
                item["message_count"],
            )
            for item in content.get("files", ())
        ] or [FileEntry(Path(name).name, start, end, 1) for name in content["relative_file_paths"]]
        for item in content["topics_with_message_count"]:
            about = item["topic_metadata"]
            topic = Topic(
                about["name"],
                about["type"],
                type_hash=about.get("type_description_hash", ""),
                qos=Topic.read_qos(about.get("offered_qos_profiles")),
            )
            metadata.topics[topic.name] = topic
            metadata.counts[topic.name] = item["message_count"]
        return metadata
