"""Bags: what is written is read, by others too, and what a kill leaves behind is mended."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from bag_samples import (
    DIAGNOSTICS,
    STORAGES,
    TRAJECTORIES,
    large_or_small,
    message,
    mixed,
    write,
)
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from adgps_bringup.bags.folder import find_bag, locked
from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.topic import BagError, NoBagError, Topic
from adgps_bringup.bags.writer import BagWriter

both = pytest.mark.parametrize("storage", STORAGES)


def read(folder: Path) -> list[tuple[str, int, bytes]]:
    """All of a sound bag."""
    with Bag(folder, pytest.fail) as bag:
        return [(m.topic.name, m.stamp_ns, m.data) for m in bag.messages()]


@both
def test_messages_come_back_byte_for_byte_in_their_order(tmp_path: Path, storage: str) -> None:
    messages = mixed(50)
    write(tmp_path / "bag", storage, messages)
    assert read(tmp_path / "bag") == [(m.topic.name, m.stamp_ns, m.data) for m in messages]


@both
def test_the_metadata_agree_with_what_is_in_the_files(tmp_path: Path, storage: str) -> None:
    messages = mixed(50)
    write(tmp_path / "bag", storage, messages[:20])
    write(tmp_path / "bag", storage, messages[20:])
    text = (tmp_path / "bag" / "metadata.yaml").read_text()
    content = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert content["version"] == 9
    assert content["storage_identifier"] == storage
    assert content["message_count"] == 50
    assert content["starting_time"]["nanoseconds_since_epoch"] == messages[0].stamp_ns
    assert content["duration"]["nanoseconds"] == messages[-1].stamp_ns - messages[0].stamp_ns
    assert [file["message_count"] for file in content["files"]] == [20, 30]
    assert [file["path"] for file in content["files"]] == content["relative_file_paths"]
    assert all((tmp_path / "bag" / file).is_file() for file in content["relative_file_paths"])
    counts = Counter(m.topic.name for m in messages)
    for item in content["topics_with_message_count"]:
        topic = item["topic_metadata"]
        assert item["message_count"] == counts[topic["name"]]
        (offered,) = topic["offered_qos_profiles"]
        latched = topic["name"] == TRAJECTORIES.name
        assert offered["durability"] == ("transient_local" if latched else "volatile")
        assert offered["reliability"] == "reliable"
        assert topic["type_description_hash"].startswith("RIHS01_")


@both
def test_others_read_it_with_the_definitions_in_it(tmp_path: Path, storage: str) -> None:
    """The rosbags library computes the hash of each type from the definition that the bag has."""
    write(tmp_path / "bag", storage, mixed(6))
    with Reader(tmp_path / "bag") as reader:
        assert reader.message_count == 6
        hashes = {connection.msgtype: connection.digest for connection in reader.connections}
    with AnyReader([tmp_path / "bag"]) as reader:
        for kind, digest in hashes.items():
            assert reader.typestore.hash_rihs01(kind) == digest
    standard = get_typestore(Stores.ROS2_JAZZY)
    assert standard.hash_rihs01(DIAGNOSTICS.type) == hashes[DIAGNOSTICS.type]


def test_mcap_files_are_indexed_and_their_checksums_hold(tmp_path: Path) -> None:
    messages = mixed(30)
    write(tmp_path / "bag", "mcap", messages)
    with (tmp_path / "bag" / "bag_0.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None
        assert summary.statistics.message_count == 30
        assert summary.chunk_indexes
        assert [m.data for _, _, m in reader.iter_messages()] == [m.data for m in messages]


def test_an_mcap_file_that_ends_anywhere_gives_what_was_complete(tmp_path: Path) -> None:
    messages = mixed(60)
    write(tmp_path / "bag", "mcap", messages)
    whole = (tmp_path / "bag" / "bag_0.mcap").read_bytes()
    counts = []
    for index, kept in enumerate((0.1, 0.3, 0.6, 0.99)):
        folder = tmp_path / f"cut_{index}"
        folder.mkdir()
        (folder / "cut_0.mcap").write_bytes(whole[: int(kept * len(whole))])
        said: list[str] = []
        with Bag(folder, said.append) as bag:
            saved = [m.data for m in bag.messages()]
        counts.append(len(saved))
        assert saved == [m.data for m in messages[: len(saved)]]
        (line,) = said
        assert f"cut_0.mcap had no end; saved {len(saved)} messages of 2 topics" in line
        assert len(read(folder)) == len(saved), "it is sound now"
    assert counts == sorted(set(counts))
    assert counts[0] > 0 and counts[-1] == 60, "all messages come before the summary"


WRITE_FOR_EVER = """
import itertools, sys
from pathlib import Path
from bag_samples import DIAGNOSTICS, large_or_small, message
from adgps_bringup.bags.writer import BagWriter

writer = BagWriter(Path(sys.argv[1]), sys.argv[2])
for number in itertools.count(int(sys.argv[3])):
    writer.write(message(DIAGNOSTICS, 2 * number), flush=False)
    writer.write(large_or_small(number), flush=True)
    print(number, flush=True)
"""


@both
def test_a_killed_writer_loses_its_last_message_at_most(tmp_path: Path, storage: str) -> None:
    """Killed again and again at random moments; each one goes on in a file of its own."""
    folder, rng, expected = tmp_path / "bag", random.Random(storage), 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(folder), storage, str(expected)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            text=True,
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(rng.randint(1, 40))]
        writer.send_signal(signal.SIGKILL)
        written = int([*lines, *writer.stdout][-1])
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        with Bag(folder, print) as bag:
            found = [m for m in bag.messages() if m.topic.name == TRAJECTORIES.name]
        assert written + 1 <= len(found) <= written + 2
        numbers = [int.from_bytes(m.data[:8], "little") // 2 for m in found]
        assert numbers == list(range(len(found)))
        assert [m.data for m in found] == [large_or_small(number).data for number in numbers]
        expected = len(found)
    files = sorted(path.name for path in folder.iterdir())
    assert len(files) == 5 and "metadata.yaml" in files


@both
def test_a_bag_without_metadata_gets_them_back(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "bag", storage, mixed(10))
    metadata = tmp_path / "bag" / "metadata.yaml"
    before = yaml.safe_load(metadata.read_text())
    metadata.unlink()
    said: list[str] = []
    with Bag(tmp_path / "bag", said.append):
        assert yaml.safe_load(metadata.read_text()) == before
    assert said == [
        f"mended {tmp_path / 'bag'}: it had no metadata.yaml; saved 10 messages of 2 topics"
    ]


@both
def test_a_file_that_holds_nothing_is_put_aside(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "bag", storage, mixed(5))
    suffix = {"mcap": ".mcap", "sqlite3": ".db3"}[storage]
    (tmp_path / "bag" / f"bag_1{suffix}").write_bytes(b"half a header")
    with Bag(tmp_path / "bag", print) as bag:
        assert sum(bag.counts.values()) == 5
    assert (tmp_path / "bag" / f"bag_1{suffix}.damaged").read_bytes() == b"half a header"
    assert len(read(tmp_path / "bag")) == 5


@both
def test_a_bag_of_which_nothing_was_saved_is_none(tmp_path: Path, storage: str) -> None:
    suffix = {"mcap": ".mcap", "sqlite3": ".db3"}[storage]
    (tmp_path / f"bag_0{suffix}").write_bytes(b"")
    with pytest.raises(NoBagError, match="there is no bag"):
        Bag(tmp_path, print)


def test_a_bag_whose_files_rosbag2_compressed_is_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "zipped", version=8, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        store = get_typestore(Stores.ROS2_JAZZY)
        connection = writer.add_connection("/said", "std_msgs/msg/String", typestore=store)
        writer.write(connection, 10**18, b"serialised")
    assert read(tmp_path / "zipped") == [("/said", 10**18, b"serialised")]
    with pytest.raises(BagError, match="of compressed files, which is complete"):
        BagWriter(tmp_path / "zipped", "mcap")


def test_topics_keep_the_quality_that_they_had_first(tmp_path: Path) -> None:
    """Readers take a topic whose quality changes between files for two."""
    write(tmp_path / "bag", "mcap", [message(TRAJECTORIES, 0)])
    changed = Topic(TRAJECTORIES.name, TRAJECTORIES.type, qos=DIAGNOSTICS.qos)
    write(tmp_path / "bag", "mcap", [message(changed, 1)])
    assert len(read(tmp_path / "bag")) == 2


def test_nobody_reads_or_writes_while_somebody_writes(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", "mcap") as writer:
        writer.write(message(TRAJECTORIES, 0), flush=True)
        with pytest.raises(BagError, match="is being recorded now"):
            Bag(tmp_path / "bag", pytest.fail)
        with pytest.raises(BagError, match="is being recorded now"):
            BagWriter(tmp_path / "bag", "mcap")
    assert len(read(tmp_path / "bag")) == 1


def test_a_reader_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    write(tmp_path / "bag", "mcap", mixed(2))
    with Bag(tmp_path / "bag", pytest.fail), locked(tmp_path / "bag"):
        pass


@pytest.mark.parametrize(
    ("storage", "said"),
    [("sqlite3", "holds a bag in mcap, not in sqlite3"), ("csv", "unknown storage 'csv', known")],
)
def test_another_kind_of_storage_is_refused(tmp_path: Path, storage: str, said: str) -> None:
    write(tmp_path / "bag", "mcap", mixed(2))
    with pytest.raises(BagError, match=said):
        BagWriter(tmp_path / "bag", storage)


def test_a_topic_of_another_type_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "bag", "mcap", [message(TRAJECTORIES, 0)])
    with BagWriter(tmp_path / "bag", "mcap") as writer:
        other = message(Topic(TRAJECTORIES.name, DIAGNOSTICS.type), 1)
        with pytest.raises(BagError, match="is of type adgps_msgs/msg/OptimizedTrajectories"):
            writer.write(other, flush=False)
        with pytest.raises(BagError, match="definition of no_msgs/msg/No is not installed"):
            writer.write(message(Topic("/no", "no_msgs/msg/No"), 1), flush=False)


def test_a_runs_folder_stands_for_its_bag(tmp_path: Path) -> None:
    write(tmp_path / "run" / "bag", "mcap", mixed(2))
    assert find_bag(tmp_path / "run") == tmp_path / "run" / "bag"
    assert find_bag(tmp_path / "run" / "bag") == tmp_path / "run" / "bag"
    with pytest.raises(NoBagError, match="there is no bag in"):
        find_bag(tmp_path)
    with pytest.raises(NoBagError, match="does not exist"):
        find_bag(tmp_path / "nowhere")


@both
def test_topics_can_be_chosen(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "bag", storage, mixed(9))
    with Bag(tmp_path / "bag", pytest.fail) as bag:
        chosen = list(bag.messages([TRAJECTORIES.name]))
        assert len(chosen) == 3
        assert all(a.stamp_ns < b.stamp_ns for a, b in pairwise(chosen))
        assert list(bag.messages([])) == []
