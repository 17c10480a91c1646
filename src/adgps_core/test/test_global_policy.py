"""The global policy without torch: the same function, a Gaussian, sound or refused."""

import json

import numpy as np
import pytest
import torch
from core_samples import DIM_O, DIM_U, make_global_policy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.networks import forward

_SIZES = st.integers(1, 9)
_ARCHITECTURES = st.builds(
    Architecture,
    dim_o=_SIZES,
    dim_u=_SIZES,
    hidden=st.lists(_SIZES, max_size=3).map(tuple),
    action_scale=st.floats(1e-3, 1e3),
)
_SEEDS = st.integers(0, 2**32 - 1)


@given(_ARCHITECTURES, _SEEDS)
def test_numpy_and_torch_are_the_same_function(architecture: Architecture, seed: int) -> None:
    """Means and variances agree to float32, for any network."""
    policy = make_global_policy(architecture, seed=seed)
    observations = np.random.default_rng(seed).standard_normal((7, architecture.dim_o))
    scaled = ((observations - policy.offset) * policy.scale).astype(np.float32)
    mean, variance = forward(
        architecture, torch.from_numpy(policy.values.copy()), torch.from_numpy(scaled)
    )
    atol = 2e-5 * architecture.action_scale
    np.testing.assert_allclose(policy.mean(observations), mean.numpy(), rtol=1e-4, atol=atol)
    np.testing.assert_allclose(policy.variance, variance.numpy(), rtol=1e-5)


@settings(max_examples=30)
@given(_SEEDS)
def test_log_probability_is_that_of_scipy(seed: int) -> None:
    """The density of independent Gaussians about the mean."""
    policy = make_global_policy(seed=seed)
    rng = np.random.default_rng(seed)
    observations = rng.standard_normal((2, 3, DIM_O))
    means = policy.mean(observations)
    actions = means + 3 * rng.standard_normal((2, 3, DIM_U))
    found = policy.log_probability(observations, actions)
    expected = [
        [
            multivariate_normal(mean, np.diag(policy.variance)).logpdf(action)
            for mean, action in zip(*row, strict=True)
        ]
        for row in zip(means, actions, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_an_action_is_the_mean_plus_scaled_noise() -> None:
    """Without noise it is the mean; unit noise moves it by a standard deviation."""
    policy = make_global_policy()
    observation = np.random.default_rng(1).standard_normal(DIM_O)
    mean = policy.mean(observation)
    np.testing.assert_array_equal(policy.act(observation, np.zeros(DIM_U)), mean)
    moved = policy.act(observation, np.array([1.0, -2.0])) - mean
    np.testing.assert_allclose(moved, np.array([1.0, -2.0]) * np.sqrt(policy.variance))


@settings(max_examples=30)
@given(_SEEDS)
def test_observations_are_scaled_before_the_network_sees_them(seed: int) -> None:
    """(o - offset) * scale under no scaling gives what o gives under the scaling."""
    policy = make_global_policy(seed=seed)
    plain = GlobalPolicy(policy.architecture, np.zeros(DIM_O), np.ones(DIM_O), policy.values)
    observation = np.random.default_rng(seed).standard_normal(DIM_O)
    scaled = (observation - policy.offset) * policy.scale
    np.testing.assert_array_equal(policy.mean(observation), plain.mean(scaled))


def test_action_scale_is_the_unit_of_torque() -> None:
    """Twice the scale: twice the torque and twice the standard deviation."""
    once, twice = (
        make_global_policy(Architecture(DIM_O, DIM_U, (4,), action_scale=scale))
        for scale in (1.5, 3.0)
    )
    observation = np.random.default_rng(1).standard_normal(DIM_O)
    np.testing.assert_allclose(twice.mean(observation), 2 * once.mean(observation))
    np.testing.assert_allclose(twice.variance, 4 * once.variance)


@settings(max_examples=30)
@given(_ARCHITECTURES, _SEEDS)
def test_tensors_are_the_flat_values_in_order(architecture: Architecture, seed: int) -> None:
    """Put together again they are the flat array; no number is left out or used twice."""
    policy = make_global_policy(architecture, seed=seed)
    assert [tensor.shape for tensor in policy.tensors] == architecture.shapes
    joined = np.concatenate([tensor.ravel() for tensor in policy.tensors])
    np.testing.assert_array_equal(joined, policy.values)
    assert architecture.size == len(policy.values)


def test_an_untrained_policy_hardly_pushes() -> None:
    """On observations of unit size its torques are about a tenth of the unit, its bias none."""
    architecture = Architecture(40, 7, (64, 64), action_scale=5.0)
    values = initial_values(architecture, np.random.default_rng(0), log_variance=-2.0)
    policy = GlobalPolicy(architecture, np.zeros(40), np.ones(40), values)
    torques = policy.mean(np.random.default_rng(1).standard_normal((500, 40))) / 5.0
    assert 0.03 < torques.std() < 0.1
    np.testing.assert_array_equal(policy.mean(np.zeros(40)), 0.0)
    np.testing.assert_allclose(policy.variance, np.exp(-2.0) * 25.0, rtol=1e-6)
    spreads = [tensor.std() * np.sqrt(tensor.shape[1]) for tensor in policy.tensors[:5:2]]
    np.testing.assert_allclose(spreads, [1.0, 1.0, 0.1], rtol=0.1)


def test_initial_values_follow_from_the_generator() -> None:
    """The same seed gives the same policy, another seed another one."""
    architecture = Architecture(3, 2)
    first, again, other = (
        initial_values(architecture, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@given(_ARCHITECTURES)
def test_an_architecture_survives_json(architecture: Architecture) -> None:
    """Written and read it is the same, to the last bit of its scale."""
    assert Architecture.from_json(architecture.to_json()) == architecture


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["dim_o", "dim_u", "hidden", "action_scale", "kind", "other"]),
                inner,
                max_size=6,
            )
        ),
    ).map(json.dumps)
    | st.text()
)
def test_any_text_is_an_architecture_or_a_value_error(text: str) -> None:
    """What a broken peer sends must not raise anything else, nor make odd networks."""
    try:
        architecture = Architecture.from_json(text)
    except ValueError:
        return
    assert min(architecture.dim_o, architecture.dim_u, *architecture.hidden) >= 1
    assert 0 < architecture.action_scale < np.inf
    assert isinstance(architecture.size, int)


@pytest.mark.parametrize(
    "change",
    [
        {"dim_o": 0},
        {"dim_o": 3.0},
        {"dim_u": -1},
        {"hidden": [0]},
        {"hidden": [4.5]},
        {"hidden": "64"},
        {"hidden": None},
        {"hidden": 3},
        {"action_scale": 0.0},
        {"action_scale": float("inf")},
        {"action_scale": float("nan")},
        {"action_scale": 10**400},
        {"action_scale": [1.0]},
        {"kind": "cnn"},
        {"depth": 2},
    ],
    ids=str,
)
def test_networks_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    """Each with a ValueError, as of any message that is not sound."""
    sound = json.loads(Architecture(3, 2, (4,)).to_json())
    Architecture.from_json(json.dumps(sound))
    with pytest.raises(ValueError):
        Architecture.from_json(json.dumps(sound | change))


def test_text_nested_without_end_is_refused() -> None:
    """The parser's own limit is a refusal too."""
    with pytest.raises(ValueError, match="not the description of a network"):
        Architecture.from_json("[" * 100_000)


@pytest.mark.parametrize(
    ("name", "said"),
    [("offset", "observation_offset"), ("scale", "observation_scale"), ("values", "values")],
)
@pytest.mark.parametrize("change", ["cut", "longer", "nan", "infinite"])
def test_impossible_arrays_are_refused_by_name(name: str, said: str, change: str) -> None:
    """Too short, too long, or not finite."""
    policy = make_global_policy()
    arrays = {key: np.array(getattr(policy, key)) for key in ("offset", "scale", "values")}
    if change == "cut":
        arrays[name] = arrays[name][:-1]
    elif change == "longer":
        arrays[name] = np.append(arrays[name], 0.0)
    else:
        arrays[name][-1] = np.nan if change == "nan" else np.inf
    with pytest.raises(ValueError, match=said):
        GlobalPolicy(policy.architecture, **arrays)


def test_a_policy_keeps_a_copy_that_cannot_be_changed() -> None:
    """The optimiser goes on with its array; the policy stays the version that it is."""
    architecture = Architecture(2, 1, (3,))
    values = initial_values(architecture, np.random.default_rng(0))
    policy = GlobalPolicy(architecture, np.zeros(2), np.ones(2), values)
    before = policy.mean(np.ones(2))
    values += 1.0
    np.testing.assert_array_equal(policy.mean(np.ones(2)), before)
    with pytest.raises(ValueError, match="read-only"):
        policy.values[0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        policy.tensors[0][0] = 0.0


def test_versions_are_ordered_by_epoch_before_counter() -> None:
    """A server that starts again has a newer version, however far the one before had come."""
    versions = [PolicyVersion(2, 3), PolicyVersion(1, 900), PolicyVersion(), PolicyVersion(2, 10)]
    assert [str(version) for version in sorted(versions)] == ["0.0", "1.900", "2.3", "2.10"]


def test_read_only_values_are_taken_as_they_are() -> None:
    """No copy, unless of another type; looked through unless they are known to be finite."""
    architecture = Architecture(dim_o=2, dim_u=1, hidden=(3,))
    values = initial_values(architecture, np.random.default_rng(0))
    values.flags.writeable = False
    assert GlobalPolicy(architecture, np.zeros(2), np.ones(2), values).values is values
    wide = values.astype(np.float64)
    assert GlobalPolicy(architecture, np.zeros(2), np.ones(2), wide).values.dtype == np.float32  # type: ignore[arg-type]
    broken = np.full(architecture.size, np.nan, np.float32)
    with pytest.raises(ValueError, match="not finite"):
        GlobalPolicy(architecture, np.zeros(2), np.ones(2), broken)
    GlobalPolicy(architecture, np.zeros(2), np.ones(2), broken, known_finite=True)
