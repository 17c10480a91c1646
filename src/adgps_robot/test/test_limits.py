"""Torques stay within every limit, and joints within their range, whatever a policy wants."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_robot.limits import Limits, limit, violation

PERIOD = 0.05
LIMITS = Limits(
    effort=np.array([87.0, 12.0]),
    effort_rate=np.array([1000.0, 160.0]),
    velocity=np.array([2.175, 2.61]),
    lower=np.array([-2.9, -0.1]),
    upper=np.array([2.9, 3.8]),
    velocity_gain=np.array([4.0, 0.5]),
    joint_damping=np.ones(2),
)
POINTS = np.zeros(9)
finite = st.floats(-1e9, 1e9)
pairs = st.tuples(finite, finite).map(np.array)


@given(pairs, pairs, pairs, pairs)
def test_torque_and_its_rate_are_bounded_for_any_wish(
    wish: np.ndarray, before: np.ndarray, angles: np.ndarray, velocities: np.ndarray
) -> None:
    """Whatever was wanted and measured."""
    before = np.clip(before, -LIMITS.effort, LIMITS.effort)
    limited = limit(LIMITS, wish, before, angles, velocities, PERIOD)
    assert (np.abs(limited.torques) <= LIMITS.effort).all()
    assert (np.abs(limited.torques - before) <= LIMITS.effort_rate * PERIOD * (1 + 1e-12)).all()
    assert (limited.clipped == 0) == (limited.torques == wish).all() or limited.clipped > 0


def test_modest_torques_in_the_middle_pass_unchanged() -> None:
    """Nothing to report, nothing changed."""
    wish = np.array([5.0, -1.0])
    limited = limit(LIMITS, wish, np.zeros(2), np.array([0.0, 1.9]), np.array([0.5, -0.5]), PERIOD)
    np.testing.assert_array_equal(limited.torques, wish)
    assert limited.clipped == 0


@pytest.mark.parametrize("inertia", [(0.24, 0.004), (0.8, 0.04), (1.6, 0.1)])
@pytest.mark.parametrize("push", [-1e3, -8.0, 8.0, 1e3])
def test_no_push_takes_a_joint_out_of_its_range(inertia: tuple[float, float], push: float) -> None:
    """A joint pushed for ever comes to rest inside its range, and is never much too fast."""
    angles, velocities, torques = np.array([0.0, 1.5]), np.zeros(2), np.zeros(2)
    for _ in range(400):
        limited = limit(LIMITS, np.full(2, push), torques, angles, velocities, PERIOD)
        torques = limited.torques
        for _ in range(12):
            velocities = velocities + (torques - velocities) / np.array(inertia) * PERIOD / 12
            angles = angles + velocities * PERIOD / 12
        assert violation(LIMITS, angles, velocities, POINTS) == ""
    assert (np.abs(velocities) < 0.05).all()
    assert limited.motion == 2


def test_each_limit_counts_its_own_cuts() -> None:
    """One torque too large, one joint too fast, one change too quick."""
    zero, middle = np.zeros(2), np.array([0.0, 1.9])
    assert limit(LIMITS, np.array([88.0, 0]), zero, middle, zero, PERIOD).effort == 1
    fast = np.array([0.0, 3.0])
    assert limit(LIMITS, np.array([0.0, 2.5]), zero, middle, fast, PERIOD).motion == 1
    assert (
        limit(LIMITS, np.array([0.0, 9.0]), np.array([0.0, -9.0]), middle, zero, PERIOD).rate == 1
    )


def test_violations_name_the_joint() -> None:
    """Outside the range, and too fast."""
    middle = np.array([0.0, 1.9])
    assert violation(LIMITS, middle, np.zeros(2), POINTS) == ""
    assert "joint 2 is at" in violation(LIMITS, np.array([0.0, 4.0]), np.zeros(2), POINTS)
    assert "joint 1 moves" in violation(LIMITS, middle, np.array([-4.0, 0.0]), POINTS)


def test_a_point_outside_the_box_is_named() -> None:
    """Any of them, on either side; on the corner it is inside."""
    box = replace(
        LIMITS, box_lower=np.array([-0.3, -0.9, 0.0]), box_upper=np.array([1.0, 0.9, 1.4])
    )
    middle, still = np.array([0.0, 1.9]), np.zeros(2)
    points = np.array([0.5, 0.0, 0.3, -0.3, 0.9, 0.0, 1.0, 0.0, 1.4])
    assert violation(box, middle, still, points) == ""
    for index, value, said in ((5, -0.001, "point 2 .* z = -0.001"), (6, 1.01, "point 3 .* x = ")):
        moved = points.copy()
        moved[index] = value
        assert re.match(said, violation(box, middle, still, moved))
    assert violation(LIMITS, middle, still, points * 1e3) == ""


def test_impossible_limits_are_refused() -> None:
    """Each with its reason."""
    good = {name: getattr(LIMITS, name) for name in LIMITS.__dataclass_fields__}
    for name, value, match in (
        ("effort", np.array([87.0, 0.0]), "effort must be positive"),
        ("velocity", np.array([2.0]), "velocity has shape"),
        ("margin", 2.0, "leave nothing"),
        ("margin", -1.0, "out of range"),
        ("upper", np.array([np.nan, 1.0]), "not finite"),
        ("box_lower", np.full(3, 2e9), "box is empty"),
    ):
        with pytest.raises(ValueError, match=match):
            Limits(**{**good, name: value})
