"""Shared memory: what is read is whole and what was meant, whatever the other process does."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core import shared_block
from adgps_core.shared_block import (
    OWNER,
    PEER,
    Descriptor,
    SharedBlock,
    SharedBlockError,
)
from adgps_core.typing import Array32

COUNT = 5000
CHILD = """
import sys
import numpy as np
from adgps_core.shared_block import OWNER, Descriptor, SharedBlock
block = SharedBlock.create(5000)
print(block.write(OWNER, np.arange(5000, dtype=np.float32)), flush=True)
sys.stdin.readline()
"""


def ramp(start: float = 0.0) -> Array32:
    return np.arange(COUNT, dtype=np.float32) + np.float32(start)


def read(block: SharedBlock, area: int, descriptor: Descriptor) -> Array32:
    copy = block.view(area, descriptor).copy()
    block.check(area, descriptor)
    return copy


@pytest.fixture
def owner() -> Iterator[SharedBlock]:
    made = SharedBlock.create(COUNT)
    yield made
    made.close()


@pytest.fixture
def peer(owner: SharedBlock) -> Iterator[SharedBlock]:
    opened = SharedBlock.open(owner.name)
    yield opened
    opened.close()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """Owner in another process; the first line it prints is a descriptor."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_arrays_go_there_and_back(owner: SharedBlock, peer: SharedBlock) -> None:
    """Any length up to the capacity, both ways at once, exactly."""
    for count in (COUNT, 1, 17):
        there = owner.write(OWNER, ramp()[:count])
        back = peer.write(PEER, -ramp()[:count])
        np.testing.assert_array_equal(read(peer, OWNER, there), ramp()[:count])
        np.testing.assert_array_equal(read(owner, PEER, back), -ramp()[:count])
    with pytest.raises(ValueError, match="5001 numbers"):
        owner.write(OWNER, np.zeros(COUNT + 1, np.float32))


def test_another_process_reads_and_a_killed_one_leaves_nothing(
    child: subprocess.Popen[str],
) -> None:
    """What was whole stays readable for who has it open; nobody opens it any more."""
    descriptor = Descriptor.parse(first_line(child))
    block = SharedBlock.open(descriptor.name)
    np.testing.assert_array_equal(read(block, OWNER, descriptor), ramp())
    assert block.has_owner
    child.kill()
    child.wait()
    np.testing.assert_array_equal(read(block, OWNER, descriptor), ramp())
    block.write(PEER, ramp())  # an answer to the dead is no error
    assert not block.has_owner
    block.close()
    with pytest.raises(SharedBlockError, match="cannot be opened"):
        SharedBlock.open(descriptor.name)


def test_what_was_written_anew_is_refused(owner: SharedBlock, peer: SharedBlock) -> None:
    """A descriptor is of one writing; the next one holds."""
    old = owner.write(OWNER, ramp())
    new = owner.write(OWNER, ramp(1.0))
    with pytest.raises(SharedBlockError, match="written anew"):
        read(peer, OWNER, old)
    np.testing.assert_array_equal(read(peer, OWNER, new), ramp(1.0))


def test_what_changes_while_it_is_used_is_refused(owner: SharedBlock, peer: SharedBlock) -> None:
    """The reader compares again when it is done."""
    descriptor = owner.write(OWNER, ramp())
    view = peer.view(OWNER, descriptor)
    peer.check(OWNER, descriptor)
    owner.write(OWNER, ramp(1.0))
    np.testing.assert_array_equal(view, ramp(1.0))
    with pytest.raises(SharedBlockError, match="written anew"):
        peer.check(OWNER, descriptor)


def test_a_writer_that_died_midway_is_refused_and_replaced(
    owner: SharedBlock, peer: SharedBlock
) -> None:
    """Its generation stays odd: never whole, until the next writer is done; the other one holds."""
    before = peer.write(PEER, ramp())
    peer.begin(PEER, COUNT)
    peer.begin(PEER, COUNT)[:] = 0  # and another one
    np.testing.assert_array_equal(read(owner, PEER, before), ramp())
    after = peer.write(PEER, ramp(2.0))
    np.testing.assert_array_equal(read(owner, PEER, after), ramp(2.0))
    peer.begin(PEER, COUNT)
    for generation in (before.generation, before.generation + 1):
        with pytest.raises(SharedBlockError, match="written anew"):
            read(owner, PEER, Descriptor(before.name, before.offset, COUNT, generation))
    np.testing.assert_array_equal(read(owner, PEER, peer.write(PEER, ramp(2.0))), ramp(2.0))


def test_reads_beside_a_writer_are_whole_or_refused(owner: SharedBlock, peer: SharedBlock) -> None:
    """A thread writes without end; every array that is taken is all of one writing."""
    newest = [owner.write(OWNER, np.zeros(COUNT, np.float32))]
    stop = threading.Event()

    def write() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            newest[0] = owner.write(OWNER, np.full(COUNT, value, np.float32))

    thread = threading.Thread(target=write)
    thread.start()
    taken = 0
    end = time.monotonic() + 30
    while taken < 100 and time.monotonic() < end:
        descriptor = newest[0]
        try:
            values = read(peer, OWNER, descriptor)
        except SharedBlockError:
            continue
        taken += 1
        assert (values == descriptor.generation // 2 - 1).all()
    stop.set()
    thread.join()
    assert taken == 100


def elsewhere(name: str) -> str:
    return "0" * 16 + name[16:]


def other_token(name: str) -> str:
    return name[:-16] + "0" * 16


def other_file(name: str) -> str:
    host, process, _, token = name.split("-")
    return f"{host}-{process}-0-{token}"


def nobody(name: str) -> str:
    host, _, number, token = name.split("-")
    return f"{host}-{2**22 + 1}-{number}-{token}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (elsewhere, "on another host"),
        (other_token, "another one by now"),
        (other_file, "has no such shared memory|cannot be opened"),
        (nobody, "cannot be opened: No such file"),
        (lambda name: name + "0", "no name"),
    ],
)
def test_what_is_no_block_is_not_opened(
    owner: SharedBlock, change: Callable[[str], str], reason: str
) -> None:
    """With the reason."""
    with pytest.raises(SharedBlockError, match=reason):
        SharedBlock.open(change(owner.name))


def test_memory_that_could_be_taken_away_is_not_opened() -> None:
    """An access to a file that shrank would kill the process."""
    file = os.memfd_create("adgps_block", os.MFD_ALLOW_SEALING)
    os.ftruncate(file, 3 * 4096)
    name = f"{shared_block.host_id()}-{os.getpid()}-{file}-{0:016x}"
    try:
        with pytest.raises(SharedBlockError, match="not sealed"):
            SharedBlock.open(name)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        with pytest.raises(SharedBlockError, match="another one"):
            SharedBlock.open(name)
    finally:
        os.close(file)


def test_a_block_cannot_be_shrunk(owner: SharedBlock) -> None:
    """Nor by its owner."""
    with pytest.raises(PermissionError):
        os.ftruncate(owner._file, 0)


def test_answers_go_by_turns_and_only_the_peer_writes_them(
    owner: SharedBlock, peer: SharedBlock
) -> None:
    """The answer before stays while the next is made, and no longer."""
    first, second = peer.write(PEER, ramp()), peer.write(PEER, ramp(1.0))
    view = owner.view(PEER, first)
    np.testing.assert_array_equal(view, ramp())
    np.testing.assert_array_equal(owner.view(PEER, second), ramp(1.0))
    assert not view.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        owner.begin(PEER, COUNT)
    third = peer.write(PEER, ramp(2.0))
    assert third.offset == first.offset
    with pytest.raises(SharedBlockError, match="written anew"):
        owner.check(PEER, first)


@pytest.mark.parametrize(
    "change",
    [{"offset": 0}, {"offset": 4100}, {"count": COUNT + 1}, {"generation": 8}],
)
def test_descriptors_of_something_else_are_refused(
    owner: SharedBlock, peer: SharedBlock, change: dict[str, int]
) -> None:
    """Nothing outside the area is ever read."""
    right = owner.write(OWNER, ramp())
    wrong = Descriptor(**(vars(right) | change))
    with pytest.raises(SharedBlockError):
        peer.view(OWNER, wrong)
    with pytest.raises(SharedBlockError):
        peer.view(PEER, right)


@given(*[st.integers(0, 10**18 - 1)] * 3)
def test_descriptors_survive_a_message(offset: int, count: int, generation: int) -> None:
    """Text there and back is exact."""
    descriptor = Descriptor("ab" * 8 + "-1-2-" + "cd" * 8, offset, count, generation)
    assert Descriptor.parse(str(descriptor)) == descriptor


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-f:.-]{0,60}"))
def test_other_texts_are_no_descriptors(text: str) -> None:
    """They are refused, and nothing else happens."""
    with pytest.raises(SharedBlockError):
        Descriptor.parse(text)
