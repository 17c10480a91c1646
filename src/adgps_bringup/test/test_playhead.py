"""The playhead: a clock at a rate, that stands still when paused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_bringup.bags.playhead import Playhead


class Clock:
    """A clock that stands still unless moved."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.booleans())), st.floats(0.1, 10.0))
def test_it_runs_while_it_is_not_paused(steps: list[tuple[float, bool]], rate: float) -> None:
    clock = Clock()
    head = Playhead(rate, now=clock)
    expected = 0.0
    for duration, paused in steps:
        head.pause(paused)
        clock.time += duration
        expected += 0.0 if paused else rate * duration
        assert head.position == pytest.approx(expected)
        assert head.paused is paused


def test_waits_are_of_the_steady_clock() -> None:
    clock = Clock()
    head = Playhead(2.0, paused=True, now=clock)
    assert head.wait_for(10.0) == math.inf
    head.pause(False)
    assert head.wait_for(10.0) == pytest.approx(5.0)
    clock.time = 6.0
    assert head.wait_for(10.0) < 0.0
    head.rewind()
    assert head.wait_for(10.0) == pytest.approx(5.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        Playhead(rate)
