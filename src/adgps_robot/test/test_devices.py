"""A device that goes away is opened again, with growing waits and few words."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from adgps_robot.devices import Backoff, DeviceError, DeviceReader

PATIENCE = 10.0
QUICK = Backoff(0.001, 0.002)


class Script:
    """Opens devices that do what they are told, one after the other; then none opens."""

    def __init__(self, *devices: list[list[int] | Exception]) -> None:
        self._devices = list(devices)
        self.opened = self.closed = 0

    def open(self) -> "Scripted":
        if not self._devices:
            raise DeviceError("unplugged")
        self.opened += 1
        return Scripted(self, self._devices.pop(0))


class Scripted:
    """Gives what it was told, and is gone then."""

    def __init__(self, script: Script, reads: list[list[int] | Exception]) -> None:
        self._script = script
        self._reads = reads

    def read(self) -> list[int]:
        if not self._reads:
            raise DeviceError("pulled out")
        what = self._reads.pop(0)
        if isinstance(what, Exception):
            raise what
        return what

    def close(self) -> None:
        self._script.closed += 1


class Silent:
    """Opens, and never says anything."""

    opened = 0

    def open(self) -> "Silent":
        self.opened += 1
        return self

    def read(self) -> list[int]:
        time.sleep(0.001)
        return []

    def close(self) -> None:
        pass


class Ear:
    """Makes readers, and keeps what they deliver and say."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.losses: list[str] = []
        self.returns: list[str] = []
        self.readers: list[DeviceReader[int]] = []

    def listen(self, opener: Callable[[], object], silence: float = 5.0) -> DeviceReader[int]:
        reader = DeviceReader[int](
            "gadget",
            opener,  # type: ignore[arg-type]
            self.items.append,
            self.losses.append,
            self.returns.append,
            silence,
            QUICK,
        )
        self.readers.append(reader)
        reader.start()
        return reader


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    yield made
    for reader in made.readers:
        reader.stop()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.001)


def test_waits_double_up_to_the_longest() -> None:
    waits = [Backoff(0.1, 2.0).wait(failures) for failures in range(1, 9)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0])
    assert Backoff(0.1, 2.0).wait(10**6) == 2.0


@pytest.mark.parametrize("waits", [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_impossible_waits_are_refused(waits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="waits must be"):
        Backoff(*waits)


def test_everything_is_delivered_in_order_across_losses(ear: Ear) -> None:
    """One sentence for each going, one for each coming back; devices are closed."""
    script = Script([[1], [2, 3]], [[4]], [[], [5], []])
    reader = ear.listen(script.open)
    until(lambda: len(ear.losses) == 3, "three losses")
    assert ear.items == [1, 2, 3, 4, 5]
    assert reader.reconnects == 2
    assert script.opened == script.closed == 3
    assert all(sentence.startswith("gadget: pulled out") for sentence in ear.losses)
    first, *others = ear.returns
    assert first == "gadget: connected"
    assert len(others) == 2 and all("gadget is back after" in sentence for sentence in others)


def test_a_device_that_only_opens_is_not_back(ear: Ear) -> None:
    """Neither words nor counts for attempts that lead to nothing, however many."""
    script = Script([[1]], *([[[]]] * 20), [[2]])
    reader = ear.listen(script.open)
    until(lambda: ear.items == [1, 2] and len(ear.losses) == 2, "the last device")
    assert len(ear.returns) == 2 and reader.reconnects == 1


def test_health_follows_the_device(ear: Ear) -> None:
    """The reason while it is away, nothing while it is there."""
    gate = threading.Event()

    class Gated(Silent):
        def open(self) -> "Gated":
            if not gate.is_set():
                raise DeviceError("no such file")
            return self

        def read(self) -> list[int]:
            time.sleep(0.001)
            return [7]

    reader = ear.listen(Gated().open)
    until(lambda: bool(ear.losses), "the first attempt")
    problem, values = reader.report()
    assert problem == "no such file"
    assert values["received"] == 0 and values["rate_hz"] == 0.0
    gate.set()
    until(lambda: bool(ear.items), "the first item")
    problem, values = reader.report()
    assert problem == ""
    assert values["age_s"] < 1.0  # type: ignore[operator]
    before = len(ear.items)
    until(lambda: len(ear.items) > before + 10, "more items")
    assert reader.report()[1]["rate_hz"] > 0.0  # type: ignore[operator]


def test_a_silent_device_is_opened_anew(ear: Ear) -> None:
    silent = Silent()
    ear.listen(silent.open, silence=0.01)
    until(lambda: silent.opened >= 3, "new attempts")
    assert len(ear.losses) == 1 and "nothing came for 0.01 s" in ear.losses[0]


def test_a_device_that_hangs_is_reported_and_can_be_left(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report does not wait for it, stopping only for so long; nothing is delivered after."""
    monkeypatch.setattr("adgps_robot.devices.STOP_TIMEOUT", 0.01)
    gate = threading.Event()

    class Hanging(Silent):
        def read(self) -> list[int]:
            if ear.items:
                gate.wait(PATIENCE)
            return [1]

    reader = ear.listen(Hanging().open, silence=0.02)
    until(lambda: "nothing came for" in reader.report()[0], "the report of silence")
    reader.stop()
    gate.set()
    until(lambda: not reader._thread.is_alive(), "the end of the thread")
    assert ear.items == [1]


def test_a_mistake_in_the_reader_is_raised_to_whoever_checks(ear: Ear) -> None:
    """A thread that died must not look alive."""
    reader = ear.listen(Script([[1], ZeroDivisionError("oh")]).open)
    until(lambda: not reader._thread.is_alive(), "the end of the thread")
    assert "oh" in reader.report()[0]
    with pytest.raises(ZeroDivisionError):
        reader.check()
