"""Memory that two processes of one host share: arrays one way and back, without a way in between.

The owner makes a block, writes arrays into its own area and tells a peer, in a message, where they
are; the peer uses them there, and writes answers into two areas by turns, so that the answer before
stays as it is while the next one is computed from it.

- A block is a memory file, memfd_create(2). It has no name in any folder: whatever becomes of the
  processes, the kernel takes it back with the last of them, and nothing is ever left behind. A
  peer opens it through the owner's entry in /proc, which it can on the same host, as the same user.
- It is sealed against shrinking, so that no owner can make a peer's access fail once it is mapped;
  and the owner can only read the answers' areas: what the peer has there, no mistake can change.
- Nobody waits for anybody. An area has a generation, odd while it is being written; a reader
  compares it before and after it uses the array, and throws away what came of one that changed.
  (x86-64 keeps stores in order, and loads; elsewhere the message alone must see to it.)
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import re
import secrets
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from adgps_core.typing import Array32

OWNER, PEER = 0, 1
"""Who writes: the owner into its area, the peer its answers into the two others."""

_LABEL = "adgps_block"
_MAGIC = 0x6164677073626C6B
_PAGE = 4096
_AREAS = {OWNER: (0,), PEER: (1, 2)}
_GENERATION = 8  # where that of the owner's area is, in words of 8 bytes; the answers' follow it
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_NAME = re.compile("([0-9a-f]{16})-([0-9]{1,10})-([0-9]{1,10})-([0-9a-f]{16})")
_DESCRIPTOR = re.compile(f"({_NAME.pattern})" + 3 * ":([0-9]{1,18})")


class SharedBlockError(Exception):
    """The memory cannot be opened or holds something else by now; the message says what."""


@cache
def host_id() -> str:
    """Identity of the host, until it boots again: the same where processes see each other."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    return hashlib.sha256(boot + os.readlink("/proc/self/ns/pid").encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Descriptor:
    """Where an array of float32 is, as it is written in a message: `name:offset:count:generation`.

    Parameters
    ----------
    name : of the block: host, process, file descriptor and a random token.
    offset : of the first number in the block [bytes].
    count : how many numbers; 0 names the block only.
    generation : of the area when the array was whole.
    """

    name: str
    offset: int = 0
    count: int = 0
    generation: int = 0

    def __str__(self) -> str:
        """Write as in a message."""
        return f"{self.name}:{self.offset}:{self.count}:{self.generation}"

    @staticmethod
    def parse(text: str) -> Descriptor:
        """Read what a message says; SharedBlockError if it is no descriptor."""
        match = _DESCRIPTOR.fullmatch(text)
        if match is None:
            raise SharedBlockError(f"{text!r} is no descriptor of shared memory")
        name, *_, offset, count, generation = match.groups()
        return Descriptor(name, int(offset), int(count), int(generation))


class SharedBlock:
    """One end of a block; made by `create` or by `open`.

    Parameters
    ----------
    file : descriptor of the memory file; closed by `close`.
    name : of the block.
    capacity : numbers that an area holds.
    owner : whether this is the end that made it.
    """

    def __init__(self, file: int, name: str, capacity: int, *, owner: bool) -> None:
        self.name = name
        self.capacity = capacity
        self._file = file
        self._inode = os.fstat(file).st_ino
        size = _area_bytes(capacity)
        self._offsets = (_PAGE, 2 * _PAGE + size, 2 * _PAGE + 2 * size)
        # Two mappings, each a page of generations and areas; gone with the last array in them.
        own = mmap.mmap(file, _PAGE + size)
        access = mmap.ACCESS_READ if owner else mmap.ACCESS_WRITE
        answers = mmap.mmap(file, _PAGE + 2 * size, access=access, offset=_PAGE + size)
        self._words = [
            np.frombuffer(own, np.uint64, 1, 8 * _GENERATION),
            np.frombuffer(answers, np.uint64, 1, 8 * _GENERATION),
            np.frombuffer(answers, np.uint64, 1, 16 * _GENERATION),
        ]
        self._areas = [
            np.frombuffer(own, np.float32, capacity, _PAGE),
            np.frombuffer(answers, np.float32, capacity, _PAGE),
            np.frombuffer(answers, np.float32, capacity, _PAGE + size),
        ]
        self._next = [area[0] for area in _AREAS.values()]

    @staticmethod
    def create(capacity: int) -> SharedBlock:
        """Make a block for arrays of so many float32; OSError if there is no memory for it."""
        token = secrets.randbits(64)
        file = os.memfd_create(_LABEL, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.posix_fallocate(file, 0, _total_bytes(capacity))
            os.pwrite(file, struct.pack("QQQ", _MAGIC, token, capacity), 0)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            name = f"{host_id()}-{os.getpid()}-{file}-{token:016x}"
            return SharedBlock(file, name, capacity, owner=True)
        except BaseException:
            os.close(file)
            raise

    @staticmethod
    def open(name: str) -> SharedBlock:
        """Open the block of another process; SharedBlockError if that cannot be."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise SharedBlockError(f"{name!r} is no name of shared memory")
        host, process, number, token = match.groups()
        if host != host_id():
            raise SharedBlockError("the shared memory is on another host")
        path = f"/proc/{process}/fd/{number}"
        try:
            if not _is_block(path):
                raise SharedBlockError(f"process {process} has no such shared memory")
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            reason = f"the shared memory of process {process} cannot be opened: {error.strerror}"
            raise SharedBlockError(reason) from error
        try:
            capacity = _checked_capacity(file, int(token, 16))
            return SharedBlock(file, name, capacity, owner=False)
        except BaseException:
            os.close(file)
            raise

    @property
    def has_owner(self) -> bool:
        """Whether the process that made the block still has it."""
        _, process, number, _ = self.name.split("-")
        path = f"/proc/{process}/fd/{number}"
        try:
            return _is_block(path) and os.stat(path).st_ino == self._inode
        except OSError:
            return False

    def write(self, side: int, values: Array32) -> Descriptor:
        """Copy an array into an area of one's side; ValueError if it is too long."""
        self.begin(side, len(values))[:] = values
        return self.end(side, len(values))

    def begin(self, side: int, count: int) -> Array32:
        """Begin to write: the memory for an array (count,), which nobody takes for whole.

        Raises
        ------
        ValueError
            If there is not as much.
        """
        if count > self.capacity:
            raise ValueError(f"{count} numbers in shared memory for {self.capacity}")
        area = self._next[side]
        word = self._words[area]
        word[0] = (int(word[0]) + 1) | 1  # odd, also after one that never ended
        return self._areas[area][:count]

    def end(self, side: int, count: int) -> Descriptor:
        """Say that the array which was begun is whole; the next one goes where it does not."""
        area = self._next[side]
        generation = int(self._words[area][0]) + 1
        self._words[area][0] = generation
        self._next[side] = sum(_AREAS[side]) - area if side == PEER else area
        return Descriptor(self.name, self._offsets[area], count, generation)

    def view(self, side: int, descriptor: Descriptor) -> Array32:
        """View of the array that a descriptor tells of; who has used it must `check` that it held.

        Parameters
        ----------
        side : who must have written it.
        descriptor : what the message said.

        Returns
        -------
        (count,) float32, the memory itself.

        Raises
        ------
        SharedBlockError
            If no area of that side holds this array.
        """
        if descriptor.count > self.capacity:
            raise SharedBlockError(
                f"{descriptor.count} numbers in shared memory for {self.capacity}"
            )
        self.check(side, descriptor)
        return self._areas[self._area(side, descriptor)][: descriptor.count]

    def check(self, side: int, descriptor: Descriptor) -> None:
        """Raise SharedBlockError if the area holds another array by now, or half of one."""
        found = int(self._words[self._area(side, descriptor)][0])
        if found != descriptor.generation or found % 2:
            raise SharedBlockError(
                f"the shared memory was written anew: generation {found}, "
                f"expected {descriptor.generation}"
            )

    def _area(self, side: int, descriptor: Descriptor) -> int:
        """Which area of a side a descriptor is of."""
        for area in _AREAS[side]:
            if descriptor.name == self.name and descriptor.offset == self._offsets[area]:
                return area
        raise SharedBlockError("the descriptor is of other shared memory")

    def close(self) -> None:
        """Give up this end; the memory goes with the last one."""
        if self._file >= 0:
            self._words, self._areas = [], []
            os.close(self._file)
            self._file = -1


def _area_bytes(capacity: int) -> int:
    """Whole pages that hold an area."""
    return -(-4 * capacity // _PAGE) * _PAGE


def _total_bytes(capacity: int) -> int:
    """Size of the memory file."""
    return 2 * _PAGE + 3 * _area_bytes(capacity)


def _is_block(path: str) -> bool:
    """Whether an entry in /proc is a block's file; opening another one might block."""
    return os.readlink(path).startswith(f"/memfd:{_LABEL}")


def _checked_capacity(file: int, token: int) -> int:
    """Capacity of the block in a file; refuse another one, or one that could be taken away."""
    if not fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
        raise SharedBlockError("the shared memory is not sealed")
    head = os.pread(file, 24, 0)
    if len(head) < 24 or head[:16] != struct.pack("QQ", _MAGIC, token):
        raise SharedBlockError("the shared memory is another one by now")
    (capacity,) = struct.unpack("Q", head[16:])
    if os.fstat(file).st_size < _total_bytes(capacity):
        raise SharedBlockError("the shared memory is shorter than it says")
    return int(capacity)
