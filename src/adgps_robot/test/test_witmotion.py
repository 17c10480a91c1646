"""WitMotion streams, however they are cut or damaged, give the readings that were sent."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from imu_streams import packet

from adgps_robot.imu.reading import Reading
from adgps_robot.imu.witmotion import WitMotionDecoder, quaternion

RAW = st.integers(-(2**15), 2**15 - 1)
UNIT_QUATERNION = (23170, -23170, 0, 0)  # w x y z: a quarter turn about -x


def measurement(kinds: tuple[int, ...], numbers: list[int]) -> bytes:
    """One measurement; every packet of it holds the same numbers, but a quaternion is one."""
    return b"".join(packet(k, *(UNIT_QUATERNION if k == 0x59 else numbers)) for k in kinds)


def decode(stream: bytes) -> list[Reading]:
    return WitMotionDecoder().feed(stream)


def test_scales_are_the_datasheet_s() -> None:
    """Half of each range: 8 g, 1000 deg/s, 90 deg of yaw."""
    one = (
        packet(0x51, 0, 0, 16384)
        + packet(0x52, -16384, 0, 0, 2500)
        + packet(0x53, 0, 0, 16384, 1)
        + packet(0x54, 1, 2, 3)
    )
    (reading,) = decode(3 * one)
    assert reading.acceleration == pytest.approx((0.0, 0.0, 8 * 9.80665))
    assert reading.angular_velocity == pytest.approx((-math.radians(1000.0), 0.0, 0.0))
    assert reading.orientation == pytest.approx((0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)))
    assert reading.end == 3 * len(one) - 11  # the packet of the angles ends there


@given(*[st.floats(-math.pi, math.pi)] * 3)
def test_angles_turn_about_fixed_axes_in_the_order_x_y_z(
    roll: float, pitch: float, yaw: float
) -> None:
    """The quaternion's matrix is Rz Ry Rx."""
    x, y, z, w = quaternion(roll, pitch, yaw)
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a), math.sin(a)) for a in (roll, pitch, yaw))
    rx = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    ry = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    rz = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    np.testing.assert_allclose(matrix, rz @ ry @ rx, atol=1e-12)


@pytest.mark.parametrize(
    ("kinds", "last", "has_orientation"),
    [
        ((0x51, 0x52), 0x52, False),
        ((0x51, 0x52, 0x53), 0x53, True),
        ((0x50, 0x51, 0x52, 0x53, 0x54), 0x53, True),
        ((0x51, 0x52, 0x54, 0x59, 0x5A), 0x59, True),
        ((0x51, 0x52, 0x53, 0x54, 0x59), 0x59, True),
    ],
)
def test_a_reading_is_complete_with_the_last_packet_that_it_needs(
    kinds: tuple[int, ...], last: int, has_orientation: bool
) -> None:
    """From the third measurement on, whatever the sensor is set to send; never a packet later."""
    one = measurement(kinds, [100, 200, 300])
    end = 11 * (kinds.index(last) + 1)
    decoder = WitMotionDecoder()
    assert decoder.feed(2 * one) == []
    for number in range(2, 5):
        assert decoder.feed(one[: end - 1]) == []
        (reading,) = decoder.feed(one[end - 1 : end])
        assert reading.end == number * len(one) + end
        assert (reading.orientation is not None) == has_orientation
        assert decoder.feed(one[end:]) == []
    assert vars(decoder.counts) == {"bad_checksums": 0, "malformed": 0, "skipped_bytes": 0}


def test_the_quaternion_is_preferred_to_the_angles() -> None:
    (reading,) = decode(3 * measurement((0x51, 0x52, 0x53, 0x59), [5, 6, 7]))
    assert reading.orientation == pytest.approx((-math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)))


def test_a_sensor_may_be_set_to_send_other_packets() -> None:
    """More at once, fewer after four measurements that may have been damaged."""
    decoder = WitMotionDecoder()
    without = measurement((0x51, 0x52), [1, 2, 3])
    with_quaternion = measurement((0x51, 0x52, 0x59), [1, 2, 3])
    readings = decoder.feed(3 * without + 3 * with_quaternion + 6 * without)
    have = [reading.orientation is not None for reading in readings]
    assert have == [False, False, True, True, False, False]


@given(
    st.lists(st.lists(RAW, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([(0x51, 0x52), (0x50, 0x51, 0x52, 0x53, 0x54), (0x51, 0x52, 0x53, 0x59)]),
    st.lists(st.integers(0, 400)),
    st.binary(max_size=30),
)
def test_any_chopping_gives_the_same_readings(
    numbers: list[list[int]], kinds: tuple[int, ...], cuts: list[int], garbage: bytes
) -> None:
    """And the same counts, with garbage before, between and after."""
    middle = len(numbers) // 2
    parts = [measurement(kinds, one) for one in numbers]
    stream = garbage + b"".join(parts[:middle]) + garbage + b"".join(parts[middle:]) + garbage
    whole, chopped = WitMotionDecoder(), WitMotionDecoder()
    readings = whole.feed(stream)
    places = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert [reading for piece in pieces for reading in chopped.feed(piece)] == readings
    assert chopped.counts == whole.counts
    assert chopped.fed == whole.fed == len(stream)


@given(st.binary(max_size=60), st.lists(RAW, min_size=3, max_size=3))
def test_it_finds_the_packets_after_any_garbage(garbage: bytes, numbers: list[int]) -> None:
    """Garbage costs what it can overlap with, 10 bytes, and the measurement that teaches."""
    kinds = (0x51, 0x52, 0x53)
    readings = decode(garbage + 5 * measurement(kinds, numbers))
    expected = decode(5 * measurement(kinds, numbers))[-1]
    assert len(readings) >= 2
    last = readings[-1]
    assert last.acceleration == expected.acceleration
    assert last.orientation == expected.orientation


# Numbers in whose packets nothing but the first two bytes looks like the start of a packet: low
# and high bytes of them are below 0x50.
CALM = st.builds(lambda low, high: low + 256 * high, st.integers(0, 0x4F), st.integers(0, 0x4F))


@given(
    st.lists(st.lists(CALM, min_size=3, max_size=3), min_size=3, max_size=6, unique_by=tuple),
    st.data(),
)
def test_a_damaged_byte_never_changes_a_reading(
    numbers: list[list[int]], data: st.DataObject
) -> None:
    """The measurement that it is in is lost, at most: a sum sees every change of one byte.

    As long as nothing in the damaged packet looks like the start of another one, that is; the
    damage does not become such a start here, nor is a checksum one. See below for those.
    """
    kinds = (0x51, 0x52, 0x53)
    sound = b"".join(measurement(kinds, one) for one in numbers)
    assume(0x55 not in sound[10::11])
    place = data.draw(st.integers(0, len(sound) - 1))
    damaged = bytearray(sound)
    damaged[place] ^= data.draw(
        st.integers(1, 255).filter(lambda bits: sound[place] ^ bits != 0x55)
    )
    right = {reading.end: reading for reading in decode(sound)}
    readings = decode(bytes(damaged))
    assert all(right.get(reading.end) == reading for reading in readings)
    assert set(right) - {reading.end for reading in readings} <= {33 * (place // 33 + 1)}


def test_a_packet_with_a_damaged_byte_is_never_taken() -> None:
    """Each of its bytes, each other value."""
    sound = packet(0x51, 1234, -4321, 2048, 2500)
    for place in range(len(sound)):
        for value in set(range(256)) - {sound[place]}:
            damaged = bytearray(sound)
            damaged[place] = value
            decoder = WitMotionDecoder()
            decoder.feed(bytes(damaged))
            assert decoder.counts.skipped_bytes > 0


def test_wrong_readings_from_damage_are_as_rare_as_chance() -> None:
    """A false packet must begin in the damaged one and have the right sum, one time in 256."""
    rng = random.Random(0)
    numbers = [[rng.randrange(-(2**15), 2**15) for _ in range(3)] for _ in range(20)]
    sound = b"".join(measurement((0x51, 0x52, 0x53), one) for one in numbers)
    right = {reading.end: reading for reading in decode(sound)}
    trials, wrong = 1500, 0
    for _ in range(trials):
        damaged = bytearray(sound)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        wrong += any(right.get(r.end) != r for r in decode(bytes(damaged)))
    assert wrong <= trials / 256


def test_measurements_are_not_mixed() -> None:
    """A lost packet costs its measurement, which is counted; garbage too, even across two."""
    kinds = (0x51, 0x52, 0x53)
    first, second = measurement(kinds, [1, 1, 1]), measurement(kinds, [2, 2, 2])
    decoder = WitMotionDecoder()
    decoder.feed(2 * first)
    assert decoder.feed(first[:11] + first[22:]) == []  # no angular velocity
    assert decoder.counts.malformed == 1
    assert decoder.feed(first[:11] + b"\0" + second[11:]) == []  # one's start, the other's end
    assert len(decoder.feed(second)) == 1
    assert decoder.feed(first[:22] + second[11:]) == []  # one without end, one without start
    assert decoder.counts.malformed == 3
    (reading,) = decoder.feed(first)
    assert reading.orientation is not None


def test_garbage_after_every_measurement_costs_nothing() -> None:
    """Something else may talk on the line too."""
    one = measurement((0x51, 0x52, 0x53), [1, 2, 3]) + b"\x55\x61garbage"
    readings = decode(5 * one)
    assert [reading.orientation is not None for reading in readings] == [True] * 3


def test_a_byte_that_was_lost_costs_one_measurement() -> None:
    """The packet after the one that is short is found, though it begins early."""
    one = measurement((0x51, 0x52, 0x53), [1, 2, 3])
    for lost in range(len(one)):
        decoder = WitMotionDecoder()
        decoder.feed(3 * one)
        readings = decoder.feed(one[:lost] + one[lost + 1 :] + one)
        assert [reading.end for reading in readings] == [5 * len(one) - 1], lost


def test_an_orientation_that_is_none_costs_its_reading() -> None:
    """Sensors send zeros while they start up."""
    start = packet(0x51, 1) + packet(0x52, 1) + packet(0x59)
    decoder = WitMotionDecoder()
    assert decoder.feed(4 * start) == []
    assert decoder.counts.malformed == 2
    assert len(decoder.feed(measurement((0x51, 0x52, 0x59), [1, 2, 3]))) == 1


def test_reset_forgets_what_was_begun() -> None:
    """Half a packet from before an unplugging does not swallow the next one."""
    one = measurement((0x51, 0x52), [1, 2, 3])
    decoder = WitMotionDecoder()
    decoder.feed(2 * one + one[:15])
    decoder.reset()
    assert len(decoder.feed(3 * one)) == 1
    assert decoder.counts.skipped_bytes == 4
