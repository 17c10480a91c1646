"""Samples and labels of one iteration fit each other, or are refused."""

from typing import Any

import numpy as np
import pytest
from core_samples import DIM_U, DIM_X, T, assert_same, make_optimized, make_policy, optimized_fields

from adgps_core.optimized import OptimizedTrajectories


def _changed(**changes: Any) -> OptimizedTrajectories:
    return OptimizedTrajectories(**(optimized_fields() | changes))


def test_it_keeps_what_it_is_given() -> None:
    """Every field, unchanged."""
    optimized = make_optimized()
    for name, value in optimized_fields().items():
        assert_same(getattr(optimized, name), value)


@pytest.mark.parametrize(
    "sizes",
    [(T + 1, DIM_X, DIM_U), (T, DIM_X + 1, DIM_U), (T, DIM_X, DIM_U + 1)],
    ids=["horizon", "states", "actions"],
)
def test_samples_that_do_not_fit_the_policy_are_refused(sizes: tuple[int, int, int]) -> None:
    """Labels at steps or in dimensions that the samples lack would be labels of nothing."""
    horizon, dim_u = sizes[0], sizes[2]
    policy = make_policy(*sizes)
    with pytest.raises(ValueError, match=r"a sample has (states|actions)"):
        _changed(
            policy=policy,
            sampling_policy=policy,
            multipliers=np.zeros((horizon, dim_u)),
            kl_weights=np.ones(horizon),
        )


def test_both_policies_have_the_same_shape() -> None:
    """They are of the same instance."""
    with pytest.raises(ValueError, match="sampling_policy and policy have different shapes"):
        _changed(sampling_policy=make_policy(T, DIM_X + 1, DIM_U))


@pytest.mark.parametrize("name", ["multipliers", "kl_weights"])
@pytest.mark.parametrize("change", ["cut", "nan"])
def test_impossible_arrays_are_refused_by_name(name: str, change: str) -> None:
    """A step too few, or a number that is none."""
    array = np.array(optimized_fields()[name])
    if change == "cut":
        array = array[:-1]
    else:
        array.flat[0] = np.nan
    with pytest.raises(ValueError, match=name):
        _changed(**{name: array})


def test_penalties_are_not_negative() -> None:
    """A negative one would drive the policies apart; none at all is allowed."""
    with pytest.raises(ValueError, match="kl_weights must not be negative"):
        _changed(kl_weights=np.array([0.1, 0.1, -1e-9, 0.1]))
    _changed(kl_weights=np.zeros(T))


def test_mdgps_has_no_multipliers() -> None:
    """They would be lost in a message, and shift labels if they were not."""
    make_optimized(method="mdgps")
    with pytest.raises(ValueError, match="multipliers must be zero under mdgps"):
        _changed(method="mdgps", multipliers=np.full((T, DIM_U), 1e-9))


def test_methods_are_known() -> None:
    """A message of another method is not learned from by mistake."""
    with pytest.raises(ValueError, match="unknown method 'gps', expected badmm or mdgps"):
        _changed(method="gps")


def test_an_instance_stands_for_itself_unless_told_otherwise() -> None:
    """Under MDGPS it is drawn like a training instance, which is then its condition."""
    assert make_optimized().condition == make_optimized().instance.id
    assert _changed(condition="training/3").condition == "training/3"
