"""Numbers that cannot work are refused by name."""

from dataclasses import replace

import pytest

from adgps_local_worker.configuration import LocalConfiguration

SOUND = LocalConfiguration()


@pytest.mark.parametrize("value", [0, -1, float("nan")])
@pytest.mark.parametrize(
    "name",
    [
        "kl_step",
        "step_multiplier_max",
        "prior_components",
        "prior_history",
        "prior_points",
        "prior_iterations",
        "kl_weight_min",
    ],
)
def test_what_must_be_positive(name: str, value: float) -> None:
    """Zero, less, and what is no number."""
    with pytest.raises(ValueError, match=name):
        replace(SOUND, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["prior_strength", "multiplier_rate", "pi2_smoothing"])
def test_what_must_not_be_negative(name: str) -> None:
    """Zero switches them off."""
    assert getattr(replace(SOUND, **{name: 0.0}), name) == 0.0  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=name):
        replace(SOUND, **{name: -1e-9})  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0.9e-3, 1.1])
def test_initial_weight_lies_between_its_bounds(weight: float) -> None:
    """Else the first update would move it there by itself."""
    with pytest.raises(ValueError, match="kl_weight must lie between"):
        replace(SOUND, kl_weight=weight, kl_weight_min=1e-3, kl_weight_max=1.0)


@pytest.mark.parametrize(
    "name",
    [
        *("initial_pull", "initial_stiffness", "initial_damping", "initial_noise"),
        *("demonstration_stiffness", "demonstration_damping", "demonstration_noise"),
    ],
)
def test_joints_are_as_many_everywhere(name: str) -> None:
    """One number a joint in each list."""
    with pytest.raises(ValueError, match="one number per joint"):
        replace(SOUND, **{name: getattr(SOUND, name)[1:]})


@pytest.mark.parametrize("noise", [0.0, -1.0])
@pytest.mark.parametrize("name", ["initial_noise", "demonstration_noise"])
def test_every_joint_explores(name: str, noise: float) -> None:
    """A joint without noise is never tried."""
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        replace(SOUND, **{name: (*getattr(SOUND, name)[1:], noise)})


def test_covariances_are_damped_or_not() -> None:
    """Nothing else is known."""
    assert replace(SOUND, pi2_covariance="maximum_likelihood") != SOUND
    with pytest.raises(ValueError, match="pi2_covariance must be damped or maximum_likelihood"):
        replace(SOUND, pi2_covariance="none")
