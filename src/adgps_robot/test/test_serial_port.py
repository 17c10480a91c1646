"""A serial port over a pseudo-terminal: readings, their stamps, and how it goes away."""

import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imu_streams import packet

from adgps_robot.devices import DeviceError
from adgps_robot.imu.serial_port import SerialImu, StampedReading, Stamper
from adgps_robot.imu.witmotion import WitMotionDecoder

MEASUREMENT = packet(0x51, 0, 0, 2048) + packet(0x52) + packet(0x53)
NOW_NS = 1_000_000_000


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    """File descriptor of one end of a line, path of the other."""
    far, near = os.openpty()
    yield far, os.ttyname(near)
    for end in (far, near):
        try:
            os.close(end)
        except OSError:
            continue  # the test has unplugged it


def open_port(path: str) -> SerialImu:
    return SerialImu(path, 115200, WitMotionDecoder(), lambda: NOW_NS)


def read(port: SerialImu, count: int) -> list[StampedReading]:
    readings: list[StampedReading] = []
    end = time.monotonic() + 10.0
    while len(readings) < count:
        assert time.monotonic() < end
        readings += port.read()
    return readings


def test_what_is_read_at_once_arrived_one_after_the_other(pair: tuple[int, str]) -> None:
    """At the speed of the line: 33 bytes of 10 bits apart."""
    far, path = pair
    port = open_port(path)
    os.write(far, 5 * MEASUREMENT)
    time.sleep(0.01)  # so that it is read at once, but for the first byte
    stamps = [one.stamp_ns for one in read(port, 3)]
    port.close()
    assert stamps[-1] == NOW_NS
    between = 33 * 10 * 1_000_000_000 // 115200
    assert [b - a for a, b in pairwise(stamps)] == pytest.approx([between] * 2, rel=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.sets(st.integers(0, 4096))), max_size=8),
    st.sampled_from([4800, 9600, 115200, 4_000_000]),
)
def test_stamps_rise_and_are_never_of_the_future(
    chunks: list[tuple[int, set[int]]], baud_rate: int
) -> None:
    """Whatever an adapter collects before it hands it over."""
    stamper, now, last = Stamper(baud_rate), 10**18, 0
    for pause, after in chunks:
        now += 10_000 + pause
        for bytes_after in sorted(after, reverse=True):
            stamp = stamper.stamp(now, bytes_after)
            assert last < stamp <= now
            last = stamp


def test_a_clock_that_was_set_back_is_followed() -> None:
    stamper = Stamper(115200)
    assert stamper.stamp(5_000, 0) == 5_000
    assert stamper.stamp(3_000, 0) == 3_000


def test_a_silent_line_is_not_gone(pair: tuple[int, str]) -> None:
    """And costs a bounded time."""
    port = open_port(pair[1])
    start = time.monotonic()
    assert port.read() == []
    assert time.monotonic() - start < 5.0
    port.close()


def test_unplugging_is_a_device_error(pair: tuple[int, str]) -> None:
    """With a reason in words."""
    far, path = pair
    port = open_port(path)
    os.close(far)
    with pytest.raises(DeviceError, match="Input/output error"):
        port.read()
    port.close()


def test_a_port_has_one_reader(pair: tuple[int, str]) -> None:
    """A second one would get some of the bytes."""
    port = open_port(pair[1])
    with pytest.raises(DeviceError, match="in use"):
        open_port(pair[1])
    port.close()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: str(folder / "none"), "No such file or directory"),
        (lambda folder: str(folder), "Is a directory"),
        (lambda folder: _file(folder), "no serial port"),
    ],
)
def test_why_a_port_cannot_be_opened(tmp_path: Path, make, reason: str) -> None:
    with pytest.raises(DeviceError, match=reason):
        open_port(make(tmp_path))


def _file(folder: Path) -> str:
    path = folder / "file"
    path.touch()
    return str(path)
