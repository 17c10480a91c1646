"""Simulated time keeps to the wall clock, and slips instead of piling up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_sim.pacing import Pacer

PERIOD = 1 / 128  # exact in binary, as are the times below


@given(
    st.sampled_from([0.5, 1.0, 4.0]),
    st.lists(st.integers(0, 64).map(lambda n: n / 512), max_size=100),
)
def test_every_period_is_simulated_once_or_slips(factor: float, waits: list[float]) -> None:
    """Whatever the machine's hiccups."""
    now = 1000.0
    pacer = Pacer(factor, PERIOD, catch_up=6)
    done = pacer.due(now)
    for wait in waits:
        now += wait
        due = pacer.due(now)
        assert 0 <= due <= 6
        assert pacer.due(now) == 0
        done += due
        assert done + pacer.slipped == int((now - 1000.0) * factor / PERIOD + 0.5)
    assert pacer.kept == pytest.approx(done / (done + pacer.slipped) if done else 1.0)


def test_a_prompt_machine_never_slips() -> None:
    """Called twice a period for ten minutes, it loses nothing."""
    pacer = Pacer(1.0, PERIOD)
    count = sum(pacer.due(step * PERIOD / 2) for step in range(153_601))
    assert (count, pacer.slipped) == (76_800, 0)


@given(
    st.sampled_from([0.5, 1.0, 4.0]),
    st.lists(st.integers(0, 31).map(lambda n: n / 64), max_size=100),
)
def test_a_timer_that_is_a_little_late_finds_one_period_due(
    factor: float, parts: list[float]
) -> None:
    """Each call comes up to half a period late, and on its own: two states never come at once."""
    pacer = Pacer(factor, PERIOD)
    assert pacer.due(0.0) == 0
    for count, part in enumerate(parts, start=1):
        assert pacer.due((count + part) * PERIOD / factor) == 1


def test_what_was_before_the_mark_does_not_count() -> None:
    """A process that starts on a busy machine has not lost the pace of its rollouts."""
    pacer = Pacer(1.0, PERIOD, catch_up=4)
    pacer.due(0.0)
    pacer.due(10 * PERIOD)
    assert pacer.kept == pytest.approx(0.4)
    pacer.mark()
    assert pacer.kept == 1.0
    pacer.due(15 * PERIOD)
    assert pacer.kept == pytest.approx(0.8)


def test_impossible_settings_are_refused() -> None:
    """Time does not stand still, or run backwards."""
    with pytest.raises(ValueError, match="positive"):
        Pacer(0.0, PERIOD)
