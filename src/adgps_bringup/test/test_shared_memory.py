"""What is left in /dev/shm by those who died is removed, what others use is not."""

import mmap
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adgps_bringup import shared_memory
from adgps_bringup.shared_memory import SegmentLedger, mapped_segments

FOLDER = Path("/dev/shm")


class Segment:
    """Files that are named as Fast DDS names them; this process maps them, or nobody does."""

    def __init__(self, kind: str = "") -> None:
        number = secrets.token_hex(8) if not kind else str(secrets.randbits(40))
        self.name = f"fastrtps_{kind}{number}"
        names = (self.name, f"{self.name}_el", f"sem.{self.name}_mutex")
        self.files = [FOLDER / name for name in names]
        for file in self.files:
            file.write_bytes(bytes(4096))
        self._map: mmap.mmap | None = None

    @property
    def there(self) -> bool:
        """Whether all its files are; they go together."""
        (there,) = {file.exists() for file in self.files}
        return there

    def hold(self) -> None:
        """Map it, as its process does."""
        with self.files[0].open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), 4096)

    def let_go(self) -> None:
        """As if its process had died."""
        if self._map is not None:
            self._map.close()


Make = Callable[..., Segment]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes segments, and takes them away at the end."""
    made: list[Segment] = []

    def one(kind: str = "") -> Segment:
        made.append(Segment(kind))
        return made[-1]

    yield one
    for segment in made:
        segment.let_go()
        for file in segment.files:
            file.unlink(missing_ok=True)


def test_what_ours_used_is_removed_once_nobody_does(make: Make) -> None:
    """Ports too."""
    segments = [make(), make("port")]
    ledger = SegmentLedger()
    for segment in segments:
        segment.hold()
    names = {segment.name for segment in segments}
    assert names <= mapped_segments(os.getpid())
    ledger.note([os.getpid()])
    assert not names & set(ledger.clean()) and all(segment.there for segment in segments)
    for segment in segments:
        segment.let_go()
    assert names <= set(ledger.clean()) and not any(segment.there for segment in segments)


def test_what_came_meanwhile_is_removed_if_nobody_uses_it(make: Make) -> None:
    """What was there before may be another session's, and a port anyone's."""
    before = make()
    ledger = SegmentLedger()
    came, port, used = make(), make("port"), make()
    used.hold()
    assert came.name in ledger.clean()
    assert not came.there and before.there and port.there and used.there


def test_what_is_being_made_is_left_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its maker is about to map it."""
    ledger = SegmentLedger()
    young = make()
    monkeypatch.setattr(shared_memory.time, "sleep", lambda _: young.hold())
    assert young.name not in ledger.clean() and young.there
