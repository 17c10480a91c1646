"""Exactly one sound command completes a tick; nothing else reaches the arm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_sim.commands import HeldCommand, LockStep, Refusal

NAMES = tuple(f"joint{number}" for number in range(7))
PERIOD = 50_000_000
TIMEOUT = 3 * PERIOD

efforts = st.lists(st.floats(allow_nan=True), min_size=7, max_size=7)
commands = st.tuples(
    st.integers(-2, 2),
    st.one_of(st.permutations(NAMES), st.lists(st.sampled_from(NAMES), max_size=8)),
    st.lists(st.floats(width=32), min_size=6, max_size=8),
)


@given(st.lists(commands, max_size=60))
def test_a_tick_is_completed_once_and_only_by_a_sound_command(
    offers: list[tuple[int, list[str], list[float]]],
) -> None:
    """Any stream of commands: time advances one period per accepted one, the rest is counted."""
    protocol = LockStep(NAMES, PERIOD)
    protocol.begin(10 * PERIOD)
    for offset, names, values in offers:
        before = protocol.stamp_ns
        torques = protocol.offer(before + offset * PERIOD, names, values)
        sound = (
            offset == 0
            and sorted(names) == sorted(NAMES)
            and len(values) == 7
            and np.isfinite(values).all()
        )
        assert (torques is not None) == sound
        assert protocol.stamp_ns == before + PERIOD * sound
        if torques is not None:
            assert dict(zip(NAMES, torques, strict=True)) == dict(zip(names, values, strict=True))
    assert protocol.ticks + sum(protocol.refusals.values()) == len(offers)
    assert protocol.stamp_ns == (10 + protocol.ticks) * PERIOD


def test_refusals_are_counted_by_reason() -> None:
    """One of each."""
    protocol = LockStep(NAMES, PERIOD)
    protocol.begin(PERIOD)
    zeros = [0.0] * 7
    assert protocol.offer(PERIOD, NAMES, zeros) is not None
    for stamp, names, values, reason in (
        (PERIOD, NAMES, zeros, Refusal.DUPLICATE),
        (0, NAMES, zeros, Refusal.OLD_STAMP),
        (3 * PERIOD, NAMES, zeros, Refusal.FUTURE_STAMP),
        (2 * PERIOD, NAMES[:6], zeros[:6], Refusal.WRONG_JOINTS),
        (2 * PERIOD, (*NAMES[:6], NAMES[0]), zeros, Refusal.WRONG_JOINTS),
        (2 * PERIOD, NAMES, zeros[:6], Refusal.WRONG_JOINTS),
        (2 * PERIOD, NAMES, [np.nan, *zeros[1:]], Refusal.NOT_FINITE),
        (2 * PERIOD, NAMES, [np.inf, *zeros[1:]], Refusal.NOT_FINITE),
    ):
        before = protocol.refusals[reason]
        assert protocol.offer(stamp, names, values) is None
        assert protocol.refusals[reason] == before + 1
    assert protocol.ticks == 1


def test_a_reset_abandons_the_tick_that_was_waited_for() -> None:
    """The command for the state before the reset comes too late; time never runs backwards."""
    protocol = LockStep(NAMES, PERIOD)
    protocol.begin(PERIOD)
    protocol.begin(5 * PERIOD)
    assert protocol.offer(PERIOD, NAMES, [0.0] * 7) is None
    assert protocol.offer(5 * PERIOD, NAMES, [0.0] * 7) is not None
    with pytest.raises(ValueError, match="backwards"):
        protocol.begin(PERIOD)


@given(st.lists(st.tuples(st.integers(-6, 1), st.integers(0, 3), efforts), max_size=40))
def test_a_held_command_is_finite_and_ordered(offers: list[tuple[int, int, list[float]]]) -> None:
    """In real time too: only newer, finite commands, never from the future."""
    held = HeldCommand(NAMES, TIMEOUT)
    accepted = []
    now = 100 * PERIOD
    for offset, sequence, values in offers:
        now += PERIOD // 2
        if held.offer(now + offset * PERIOD, sequence, NAMES, values, now):
            assert np.isfinite(values).all()
            accepted.append((now + offset * PERIOD, sequence))
            np.testing.assert_array_equal(held.torques(now), values)
        assert np.isfinite(held.torques(now)).all()
    assert accepted == sorted(set(accepted))
    assert held.accepted + sum(held.refusals.values()) == len(offers)


def test_the_arm_is_let_go_when_commands_stop() -> None:
    """Held for the timeout, then zero torque; also after a release."""
    held = HeldCommand(NAMES, TIMEOUT)
    assert held.offer(PERIOD, 1, NAMES, [1.0] * 7, PERIOD)
    assert (held.torques(PERIOD + TIMEOUT) == 1.0).all()
    assert (held.torques(PERIOD + TIMEOUT + 1) == 0.0).all()
    held.release()
    assert (held.torques(PERIOD) == 0.0).all()


def test_a_stop_may_answer_the_same_state_again() -> None:
    """A later command on the same state replaces the one before: a stop must not wait."""
    held = HeldCommand(NAMES, TIMEOUT)
    assert held.offer(PERIOD, 7, NAMES, [1.0] * 7, PERIOD)
    assert held.offer(PERIOD, 8, NAMES, [0.0] * 7, PERIOD)
    assert not held.offer(PERIOD, 8, NAMES, [1.0] * 7, PERIOD)
    assert (held.torques(PERIOD) == 0.0).all()
