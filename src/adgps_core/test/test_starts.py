"""Every robot makes the same start of the same request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_core.tasks import Instance, make_task, start_angles

TASK = make_task("reach")
SHAPE = (9,)


@given(st.integers(0, 2**62), st.floats(0, 0.1))
def test_start_angles_are_the_tasks_plus_repeatable_noise(seed: int, deviation: float) -> None:
    """Same seed, same start; no perturbation, no noise."""
    instance = TASK.instances("training")[0]
    one, two = (
        start_angles(TASK, SHAPE, instance, deviation, np.random.default_rng((0, seed)))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    noise = deviation * np.random.default_rng((0, seed)).standard_normal(7)
    np.testing.assert_array_equal(one, TASK.start_joint_angles + noise)


def test_impossible_resets_are_refused() -> None:
    """Each with its reason."""
    rng = np.random.default_rng(0)
    good = TASK.instances("training")[0]
    for instance, deviation, reason in (
        (Instance("juggle", "x", np.zeros(9)), 0.0, "of task 'juggle'"),
        (Instance("reach", "x", np.zeros(3)), 0.0, "parameters"),
        (good, -1.0, "perturbation"),
        (good, float("nan"), "perturbation"),
    ):
        with pytest.raises(ValueError, match=reason):
            start_angles(TASK, SHAPE, instance, deviation, rng)
