"""Lines of numbers, however they are cut or damaged, give the readings that were sent."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imu_streams import line

from adgps_robot.imu.csv_lines import LONGEST_LINE, CsvDecoder, checksum
from adgps_robot.imu.reading import Reading

NUMBER = st.floats(-1e4, 1e4).map(lambda number: float(f"{number:.6g}"))
SIX = st.lists(NUMBER, min_size=6, max_size=6)
TEN = SIX.map(lambda six: [*six, 0.5, -0.5, 0.5, 0.5])


def decode(stream: bytes) -> tuple[list[Reading], CsvDecoder]:
    decoder = CsvDecoder()
    return decoder.feed(stream), decoder


def test_columns_are_what_the_format_says() -> None:
    readings, decoder = decode(b"boot\n1,2,9.8,0.1,-.2,3e-1\r\n1,2,3,4,5,6,0,0,0.6,0.8\n")
    assert readings[0].acceleration == (1.0, 2.0, 9.8)
    assert readings[0].angular_velocity == (0.1, -0.2, 0.3)
    assert readings[0].orientation is None
    assert readings[1].orientation == pytest.approx((0.0, 0.0, 0.6, 0.8))
    assert readings[1].end == decoder.fed
    assert decoder.counts.skipped_bytes == len("boot\n")


def test_the_checksum_is_nmea_s() -> None:
    """That of a sentence found in many descriptions of NMEA; the dollar is optional."""
    assert checksum(b"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,") == 0x47
    readings, _ = decode(b"\n$1.5,2,3,4,5,6*30\r\n1.5,2,3,4,5,6*30\n")
    assert len(readings) == 2


@given(st.lists(st.tuples(SIX | TEN, st.booleans()), max_size=6), st.data())
def test_any_chopping_gives_the_same_readings(
    lines: list[tuple[list[float], bool]], data: st.DataObject
) -> None:
    """And the same counts, with anything in between."""
    noise = st.binary(max_size=40) | st.just(b"x" * (LONGEST_LINE + 9)) | st.just(b"")
    stream = b"".join(data.draw(noise) + b"\n" + line(*c, checksum=s) for c, s in lines)
    cuts = data.draw(st.lists(st.integers(0, len(stream))))
    whole, chopped = CsvDecoder(), CsvDecoder()
    readings = whole.feed(stream)
    places = sorted({0, *cuts, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert [reading for piece in pieces for reading in chopped.feed(piece)] == readings
    assert chopped.counts == whole.counts
    assert chopped.fed == whole.fed == len(stream)


@given(st.lists(SIX | TEN, max_size=5))
def test_numbers_arrive_as_sent(rows: list[list[float]]) -> None:
    """To all the digits that were."""
    readings, decoder = decode(b"\n" + b"".join(line(*row) for row in rows))
    assert [[*r.acceleration, *r.angular_velocity] for r in readings] == [row[:6] for row in rows]
    assert vars(decoder.counts) == {"bad_checksums": 0, "malformed": 0, "skipped_bytes": 1}


@given(st.lists(SIX | TEN, min_size=2, max_size=5), st.data())
def test_a_damaged_byte_never_changes_a_reading(
    rows: list[list[float]], data: st.DataObject
) -> None:
    """Once one line with a checksum has come; at most the two lines at the damage are lost.

    The exclusive or sees every change of one byte between dollar and star; a damaged star leaves a
    line without a checksum, which is then refused.
    """
    lines = [line(*row) for row in rows]
    sound = b"\n" + b"".join(lines)
    place = data.draw(st.integers(1 + len(lines[0]), len(sound) - 1))
    damaged = bytearray(sound)
    damaged[place] ^= data.draw(st.integers(1, 255))
    right = {reading.end: reading for reading in decode(sound)[0]}
    readings, _ = decode(bytes(damaged))
    assert all(right.get(reading.end) == reading for reading in readings)
    assert len(readings) >= len(right) - 2


@pytest.mark.parametrize(
    "text",
    [
        b"1,2,3,4,5",
        b"1,2,3,4,5,6,7",
        b"1,2,3,4,5,6,7,8,9",
        b"1,2,3,4,5,nan",
        b"1,2,3,4,5,inf",
        b"1,2,3,4,5,1e999",
        b"1,2,3,4,5,1_0",
        b"1,2,3,4,5,0x10",
        b"1,2,3,4,5,",
        b"1;2;3;4;5;6",
        b"1,2,3,4,5,6,0,0,0,0",
        b"1,2,3,4,5,6,0,0,0,1.2",
        b"1,2,3,4,5,6*0",
        b"1,2,3,4,5,6*zz",
        b"MPU-6050 ready",
        b"1,2,3,4,5,\xb2",
    ],
)
def test_a_malformed_line_is_counted_and_nothing_else_lost(text: bytes) -> None:
    readings, decoder = decode(b"\n1,2,3,4,5,6\n" + text + b"\n1,2,3,4,5,6\n")
    assert len(readings) == 2
    assert decoder.counts.malformed == 1


def test_a_wrong_checksum_is_counted() -> None:
    readings, decoder = decode(b"\n1,2,3,4,5,6*00\n" + line(1, 2, 3, 4, 5, 6))
    assert len(readings) == 1
    assert (decoder.counts.bad_checksums, decoder.counts.malformed) == (1, 0)


@pytest.mark.parametrize("star", b"0123456789")
def test_once_there_was_a_checksum_there_must_be_one(star: int) -> None:
    """A line whose star was damaged may read like one without."""
    sound = line(1, 2, 3, 4, 5, 6.5)
    readings, decoder = decode(b"\n" + sound + sound.replace(b"*", bytes([star])) + sound)
    assert [reading.angular_velocity for reading in readings] == [(4.0, 5.0, 6.5)] * 2
    assert decoder.counts.malformed == 1


@pytest.mark.parametrize("size", range(LONGEST_LINE - 2, LONGEST_LINE + 3))
@pytest.mark.parametrize("piece", [1, LONGEST_LINE, 2 * LONGEST_LINE])
def test_a_line_may_be_so_long_and_no_longer(size: int, piece: int) -> None:
    """In any pieces; the lines around it are not lost."""
    short = b"1,2,3,4,5,6\n"
    stream = b"\n" + short + b"1,2,3,4,5," + b"6\n".rjust(size - 10) + short
    decoder = CsvDecoder()
    pieces = [stream[start : start + piece] for start in range(0, len(stream), piece)]
    readings = [reading for one in pieces for reading in decoder.feed(one)]
    assert len(readings) == (3 if size <= LONGEST_LINE else 2)


def test_what_never_ends_is_not_kept() -> None:
    decoder = CsvDecoder()
    decoder.feed(b"\n" + b"1" * 10 * LONGEST_LINE)
    assert decoder.counts.skipped_bytes == 1 + 10 * LONGEST_LINE


def test_a_line_that_was_joined_in_its_middle_is_not_taken() -> None:
    """Its last six columns look like a line."""
    stream = b"1,2,3,4,5,6,0,0,0,1\n"
    for start in range(len(stream)):
        readings, decoder = decode(stream[start:] + stream)
        assert [reading.acceleration for reading in readings] == [(1.0, 2.0, 3.0)]
        decoder.reset()
        assert decoder.feed(stream[start:]) == []


@given(NUMBER)
def test_readings_refuse_what_cannot_be(number: float) -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            Reading((number, bad, 0.0), (0.0, 0.0, 0.0), None, 1)
        with pytest.raises(ValueError, match="norm"):
            Reading((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (bad, 0.0, 0.0, 1.0), 1)
    unit = Reading((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.04), 1)
    assert unit.orientation == (0.0, 0.0, 0.0, 1.0)
