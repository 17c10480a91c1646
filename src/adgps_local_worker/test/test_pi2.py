"""What is fitted to weighted rollouts is optimal, and stays sound where they are few or alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_systems import (
    covariances,
    evaluate,
    random_cost,
    random_dynamics,
    random_policy,
    sample_points,
)
from scipy.optimize import minimize

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_local_worker.badmm import augmented_costs
from adgps_local_worker.cost_weights import costs_to_go, temperatures, weights
from adgps_local_worker.lqr import forward_pass
from adgps_local_worker.pi2 import JITTER, Pi2Settings, pi2_step

N, T, DIM_X, DIM_U = 12, 6, 3, 2
seeds = st.integers(0, 2**32 - 1)
INFINITE = (np.nan, np.inf, -np.inf)
bounds = st.floats(1e-3, 1.0)


def _samples(rng: np.random.Generator, count: int = N) -> tuple[Array, Array, Array]:
    """States, actions and costs of no system in particular."""
    return (
        rng.standard_normal((count, T, DIM_X)),
        rng.standard_normal((count, T, DIM_U)),
        rng.standard_normal((count, T)),
    )


@given(seeds, bounds)
def test_the_order_of_rollouts_does_not_matter(seed: int, epsilon: float) -> None:
    """Weights are permuted with them; temperatures and policy stay."""
    rng = np.random.default_rng(seed)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng)
    order = rng.permutation(N)
    step = pi2_step(policy, states, actions, costs, epsilon)
    other = pi2_step(policy, states[order], actions[order], costs[order], epsilon)
    np.testing.assert_allclose(other.weights, step.weights[order], rtol=1e-7)
    np.testing.assert_allclose(other.eta, step.eta, rtol=1e-8)
    np.testing.assert_allclose(other.policy.k, step.policy.k, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(other.policy.C, step.policy.C, rtol=1e-6, atol=1e-8)


@given(seeds, bounds)
def test_maximum_likelihood_is_the_weighted_mean_and_covariance(seed: int, epsilon: float) -> None:
    """As NumPy computes them, of actions less their feedback part; gains stay."""
    rng = np.random.default_rng(seed)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng)
    settings = Pi2Settings("maximum_likelihood", centred=False)
    step = pi2_step(policy, states, actions, costs, epsilon, settings=settings)
    np.testing.assert_array_equal(step.policy.K, policy.K)
    np.testing.assert_array_equal(
        step.weights, weights(costs_to_go(costs), temperatures(costs_to_go(costs), epsilon))
    )
    for t in range(T):
        forward = actions[:, t] - states[:, t] @ policy.K[t].T
        P = step.weights[:, t]
        np.testing.assert_allclose(step.policy.k[t], np.average(forward, axis=0, weights=P))
        C = np.cov(forward, rowvar=False, aweights=P, ddof=0)
        np.testing.assert_allclose(step.policy.C[t], C, atol=2 * JITTER * policy.C[t].max())


@given(seeds, st.integers(2, 30), st.sampled_from([None, 0.2, 1.0]), st.floats(0.05, 1.0))
def test_damped_covariances_are_the_formula_above_their_floor(
    seed: int, count: int, rate: float | None, floor: float
) -> None:
    """Also with fewer rollouts than actions: no direction loses more than the floor allows."""
    rng = np.random.default_rng(seed)
    dim_u = 7
    policy = random_policy(rng, T, DIM_X, dim_u)
    states, costs = rng.standard_normal((count, T, DIM_X)), rng.standard_normal((count, T))
    noise = np.einsum("tuv,ntv->ntu", policy.cholesky, rng.standard_normal((count, T, dim_u)))
    actions = policy.mean(states) + noise

    def covariance(settings: Pi2Settings) -> Array:
        return pi2_step(policy, states, actions, costs, 0.5, settings=settings).policy.C

    settings = Pi2Settings(rate=rate, floor=floor)
    step = pi2_step(policy, states, actions, costs, 0.5, settings=settings)
    whitener = np.linalg.inv(policy.cholesky)
    kept = np.linalg.eigvalsh(whitener @ step.policy.C @ whitener.swapaxes(1, 2))
    assert kept.min() >= floor * (1 - 1e-9)
    effective = 1 / (step.weights**2).sum(0)
    part = np.minimum(effective / (effective + dim_u + 1), 0.5)
    if rate is not None:
        part[:] = rate
    sampled = covariance(Pi2Settings("maximum_likelihood"))
    mixed = policy.C + part[:, None, None] * (sampled - policy.C)
    # A floor only adds, and only where something was below it.
    added = np.linalg.eigvalsh(whitener @ (step.policy.C - mixed) @ whitener.swapaxes(1, 2))
    assert added.min() > -1e-6
    low = np.linalg.eigvalsh(whitener @ mixed @ whitener.swapaxes(1, 2))
    np.testing.assert_allclose(kept, np.maximum(low, floor), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["damped", "maximum_likelihood"])
def test_variances_never_fall_below_their_minimum(kind: str) -> None:
    """In any direction, but no variance above it is touched."""
    rng = np.random.default_rng(0)
    states, actions, costs = _samples(rng)
    policy = random_policy(rng)
    least = (0.3, 2.0)
    free = Pi2Settings(kind)  # type: ignore[arg-type]
    bounded = replace(free, minimum_variance=least)
    step = pi2_step(policy, states, actions, costs, 0.5, settings=free)
    held = pi2_step(policy, states, actions, costs, 0.5, settings=bounded)
    scale = np.sqrt(np.outer(least, least))
    before = np.linalg.eigvalsh(step.policy.C / scale)
    after = np.linalg.eigvalsh(held.policy.C / scale)
    assert before.min() < 0.9 and before.max() > 1.1
    np.testing.assert_allclose(after, np.maximum(before, 1.0), rtol=1e-6)
    with pytest.raises(ValueError, match="needs 2 numbers"):
        pi2_step(policy, states, actions, costs, 0.5, settings=Pi2Settings(minimum_variance=(1.0,)))


def test_maximum_likelihood_stays_positive_definite() -> None:
    """However few rollouts there are and however often it is repeated; noise all but vanishes."""
    rng = np.random.default_rng(0)
    policy = random_policy(rng, 3, 2, 5)
    first = np.trace(policy.C, axis1=1, axis2=2)
    for _ in range(10):
        states, noise = rng.standard_normal((3, 3, 2)), rng.standard_normal((3, 3, 5))
        actions = policy.mean(states) + np.einsum("tuv,ntv->ntu", policy.cholesky, noise)
        settings = Pi2Settings("maximum_likelihood")
        costs = rng.standard_normal((3, 3))
        policy = pi2_step(policy, states, actions, costs, 5.0, settings=settings).policy
    assert (np.trace(policy.C, axis1=1, axis2=2) < 1e-6 * first).all()


def test_steps_of_equal_costs_stay_as_they_were() -> None:
    """Exactly, and the log says how many; the others move."""
    rng = np.random.default_rng(0)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng)
    costs[:, 3:] = 2.0
    step = pi2_step(policy, states, actions, costs, 0.5)
    np.testing.assert_array_equal(step.policy.k[3:], policy.k[3:])
    np.testing.assert_array_equal(step.policy.C[3:], policy.C[3:])
    assert (step.policy.k[:3] != policy.k[:3]).all()
    np.testing.assert_array_equal(step.divergence[3:], 0.0)
    np.testing.assert_allclose(step.divergence[:3], 0.5, rtol=1e-8)
    assert step.notes == ("all rollouts cost the same at 3 of 6 steps, where the policy stays",)


def test_smoothing_keeps_what_neighbours_share_and_averages_chance_away() -> None:
    """White noise falls as the settings say, its mean stays; covariances are as without."""
    horizon, width = 400, 3.0
    rng = np.random.default_rng(0)
    zeros = np.zeros((horizon, DIM_U))
    policy = LinearGaussianPolicy(
        np.zeros((horizon, DIM_U, DIM_X)), zeros, np.tile(np.eye(DIM_U), (horizon, 1, 1))
    )
    states = np.zeros((8, horizon, DIM_X))
    actions = rng.standard_normal((8, horizon, DIM_U))
    costs = rng.standard_normal((8, horizon))
    plain = pi2_step(policy, states, actions, costs, 0.5)
    smooth = pi2_step(policy, states, actions, costs, 0.5, settings=Pi2Settings(smoothing=width))
    left = smooth.policy.k.std() / plain.policy.k.std()
    assert left == pytest.approx((2 * np.sqrt(np.pi) * width) ** -0.5, rel=0.15)
    np.testing.assert_allclose(smooth.policy.k.mean(0), plain.policy.k.mean(0), atol=0.02)
    np.testing.assert_array_equal(smooth.policy.C, plain.policy.C)


@given(seeds, bounds)
def test_what_all_rollouts_share_moves_no_mean(seed: int, epsilon: float) -> None:
    """The step is that of the weighted mean, less the plain mean of the noise."""
    rng = np.random.default_rng(seed)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng)
    shared = 10 * rng.standard_normal((T, DIM_U))
    step = pi2_step(policy, states, actions, costs, epsilon)
    other = pi2_step(policy, states, actions + shared, costs, epsilon)
    np.testing.assert_allclose(other.policy.k, step.policy.k, rtol=1e-9, atol=1e-9)
    fitted = pi2_step(
        policy, states, actions, costs, epsilon, settings=Pi2Settings(centred=False)
    ).policy
    noise = actions - policy.mean(states)
    np.testing.assert_allclose(fitted.k - step.policy.k, noise.mean(0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fitted.C, step.policy.C, rtol=1e-9)


@pytest.mark.parametrize("epsilon", [0.02, 0.5])
def test_chance_left_in_a_step_is_as_said(epsilon: float) -> None:
    """Of noise that no cost depends on: the variance Σ P² - 1/N of the means, or Σ P² uncentred."""
    horizon = 4000
    rng = np.random.default_rng(0)
    zeros = np.zeros((horizon, DIM_U))
    gains, C = np.zeros((horizon, DIM_U, DIM_X)), np.tile(np.eye(DIM_U), (horizon, 1, 1))
    policy = LinearGaussianPolicy(gains, zeros, C)
    states, actions = np.zeros((4, horizon, DIM_X)), rng.standard_normal((4, horizon, DIM_U))
    costs = rng.standard_normal((4, horizon))
    for centred in (True, False):
        settings = Pi2Settings(centred=centred)
        step = pi2_step(policy, states, actions, costs, epsilon, settings=settings)
        expected = np.square(step.weights).sum(0).mean() - centred / 4
        assert np.square(step.policy.k).mean() == pytest.approx(expected, rel=0.05)


def test_a_bound_too_wide_is_told() -> None:
    """Where it was cut, unless a minimum temperature kept the step within it anyway."""
    rng = np.random.default_rng(0)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng, 4)
    assert pi2_step(policy, states, actions, costs, 0.8 * np.log(4)).notes == ()
    step = pi2_step(policy, states, actions, costs, 3.0)
    np.testing.assert_allclose(step.divergence, 0.9 * np.log(4), rtol=1e-8)
    (note,) = step.notes
    assert note == (
        "4 rollouts support no divergence of 3 nat at 6 of 6 steps: there the bound was cut, to "
        "1.25 nat or more"
    )
    warm = pi2_step(
        policy, states, actions, costs, 3.0, minimum_temperature=np.full(T, 2 * step.eta.max())
    )
    assert warm.notes == () and (warm.divergence < step.divergence).all()


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *((field, number) for field in ("costs", "states", "actions") for number in INFINITE),
        ("costs", 1e308),  # overflows on being summed
    ],
)
def test_rollouts_that_are_not_finite_are_as_if_never_drawn(field: str, number: float) -> None:
    """Whatever it was that had no finite value, at the end of two rollouts."""
    rng = np.random.default_rng(0)
    policy, samples = (
        random_policy(rng),
        dict(zip(("states", "actions", "costs"), _samples(rng), strict=True)),
    )
    sound = np.delete(np.arange(N), [1, 5])
    expected = pi2_step(policy, *(values[sound] for values in samples.values()), 0.5)
    samples[field][[1, 5], -2:] = number
    step = pi2_step(policy, *samples.values(), 0.5)
    assert step.rollouts == N - 2 and step.weights.shape == (N - 2, T)
    assert step.notes == ("left out 2 of 12 rollouts: a cost, state or action was not finite",)
    np.testing.assert_array_equal(step.weights, expected.weights)
    np.testing.assert_array_equal(step.policy.k, expected.policy.k)
    np.testing.assert_array_equal(step.policy.C, expected.policy.C)


@pytest.mark.parametrize("usable", [0, 1])
def test_too_few_rollouts_change_nothing(usable: int) -> None:
    """One cannot be better than itself, and none is no reason to fail."""
    rng = np.random.default_rng(0)
    policy, (states, actions, costs) = random_policy(rng), _samples(rng)
    costs[usable:] = np.nan
    step = pi2_step(policy, states, actions, costs, 0.5)
    assert step.policy is policy and step.rollouts == usable
    np.testing.assert_array_equal(step.weights, np.ones((usable, T)))
    np.testing.assert_array_equal(step.divergence, np.zeros(T))
    assert step.eta.shape == (T,)
    assert step.notes[-1].startswith("fewer than 2 rollouts") and len(step.notes) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"covariance": "diagonal"}, "covariance must be"),
        ({"rate": 0.0}, "rate must"),
        ({"rate": 1.1}, "rate must"),
        ({"floor": 0.0}, "floor must"),
        ({"floor": np.nan}, "floor must"),
        ({"minimum_variance": (1.0, 0.0)}, "minimum_variance must"),
        ({"smoothing": -1.0}, "smoothing must"),
        ({"smoothing": np.nan}, "smoothing must"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pi2Settings(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0.0, -1.0, np.nan])
def test_a_bound_that_is_not_positive_is_refused(epsilon: float) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="epsilon must be positive"):
        pi2_step(random_policy(rng), *_samples(rng), epsilon)


@pytest.mark.parametrize("count", [5, 40])
def test_repeated_steps_find_the_best_action(count: int) -> None:
    """One step, no state: ½ (u - u*)ᵀ H (u - u*), also with fewer rollouts than actions.

    With those, pure maximum likelihood never leaves the few directions of its first rollouts.
    """
    dim_u = 7
    rng = np.random.default_rng(0)
    H, optimum = covariances(rng, dim_u), rng.standard_normal(dim_u)

    def cost(actions: Array) -> Array:
        off = actions - optimum
        paid: Array = 0.5 * np.einsum("...u,uv,...v->...", off, H, off)
        return paid

    def remaining(settings: Pi2Settings) -> float:
        """Part of the first cost that is left in the end."""
        k = np.zeros((1, dim_u))
        policy = LinearGaussianPolicy(np.zeros((1, dim_u, 1)), k, np.eye(dim_u)[None])
        for _ in range(200):
            noise = rng.standard_normal((count, 1, dim_u))
            actions = policy.k + np.einsum("tuv,ntv->ntu", policy.cholesky, noise)
            states = np.zeros((count, 1, 1))
            policy = pi2_step(policy, states, actions, cost(actions), 0.7, settings=settings).policy
        return float(cost(policy.k[0]) / cost(k[0]))

    assert remaining(Pi2Settings()) < 1e-3
    if count < dim_u:
        assert remaining(Pi2Settings("maximum_likelihood")) > 0.1


def test_repeated_steps_find_the_best_feed_forward_actions() -> None:
    """On a linear system with quadratic costs, for the gains that it was given."""
    rng = np.random.default_rng(1)
    dynamics = replace(
        random_dynamics(rng),
        covariance=np.zeros((T, DIM_X, DIM_X)),
        initial_covariance=np.zeros((DIM_X, DIM_X)),
    )
    cost, policy = random_cost(rng), random_policy(rng)

    def noise_free(k: Array) -> float:
        """Cost of the trajectory of means, quadratic in k."""
        still = LinearGaussianPolicy(policy.K, k.reshape(policy.k.shape), policy.C)
        return float(evaluate(cost, forward_pass(dynamics, still).mean).sum())

    least = minimize(noise_free, policy.k.ravel()).fun
    before = noise_free(policy.k)
    for _ in range(80):
        points = sample_points(dynamics, policy, 100, rng)
        policy = pi2_step(
            policy, points[..., :DIM_X], points[..., DIM_X:], evaluate(cost, points), 0.5
        ).policy
    assert least <= noise_free(policy.k) < least + 0.01 * (before - least)


@given(seeds, st.floats(0.1, 10.0))
def test_a_penalty_alone_turns_the_sampling_policy_into_the_global_one(
    seed: int, weight: float
) -> None:
    """Without costs and bound, weights at temperature ν are the likelihood ratios π / p̄."""
    rng = np.random.default_rng(seed)
    x, u = rng.standard_normal((N, 1, DIM_X)), rng.standard_normal((N, 1, DIM_U))
    sampling = random_policy(rng, 1).log_probability(x, u)
    target = random_policy(rng, 1).log_probability(x, u)
    nu = np.full(1, weight)
    costs = augmented_costs(np.zeros((N, 1)), u, np.zeros((1, DIM_U)), nu, sampling, target)
    ratio = np.exp(target - sampling)
    np.testing.assert_allclose(weights(costs_to_go(costs), nu), ratio / ratio.sum(0), rtol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_augmented_costs_give_the_optimum_of_the_penalised_step(eta: float) -> None:
    """One step, where p ∝ p̄^(η/(η+ν)) π^(ν/(η+ν)) exp(-(l - λᵀu)/(η+ν)) is a known Gaussian.

    Its moments come out of weighted samples of p̄ at temperature η + ν, to five standard errors,
    and do not without ν log p̄. The dual finds that temperature from the divergence.
    """
    rng = np.random.default_rng(0)
    nu = 2.0
    tau = eta + nu
    zero = np.zeros((1, DIM_U, 1))
    # The sampling policy is the wider one, as ratios of densities need for a finite variance.
    wide, narrow = np.array([[[1.5, 0.4], [0.4, 1.0]]]), np.array([[[0.6, -0.2], [-0.2, 0.8]]])
    sampling = LinearGaussianPolicy(zero, np.array([[0.5, -0.3]]), wide)
    target = LinearGaussianPolicy(zero, np.array([[-0.4, 0.6]]), narrow)
    H, g = covariances(rng, DIM_U), rng.standard_normal(DIM_U)
    multipliers = rng.standard_normal((1, DIM_U))

    shares = eta / tau, nu / tau
    precision = shares[0] * sampling.precision[0] + shares[1] * target.precision[0] + H / tau
    covariance = np.linalg.inv(precision)
    mean = covariance @ (
        shares[0] * sampling.precision[0] @ sampling.k[0]
        + shares[1] * target.precision[0] @ target.k[0]
        - (g - multipliers[0]) / tau
    )

    count = 200_000
    x = np.zeros((count, 1, 1))
    u = sampling.k + rng.standard_normal((count, 1, DIM_U)) @ sampling.cholesky[0].T
    costs = u @ g + 0.5 * np.einsum("ntu,uv,ntv->nt", u, H, u)
    penalties = np.full(1, nu)
    log_sampling, log_target = sampling.log_probability(x, u), target.log_probability(x, u)

    def errors(log_sampling: Array) -> Array:
        """Of the weighted moments, in standard errors of a self-normalised estimate."""
        tied = augmented_costs(costs, u, multipliers, penalties, log_sampling, log_target)
        P = weights(costs_to_go(tied), np.full(1, tau))[:, 0]
        off = u[:, 0] - mean
        values = np.column_stack([off, off[:, 0] ** 2, off[:, 1] ** 2, off[:, 0] * off[:, 1]])
        truth = np.array([0.0, 0.0, covariance[0, 0], covariance[1, 1], covariance[0, 1]])
        estimate = P @ values
        standard_error: Array = np.sqrt(np.square(P) @ np.square(values - estimate))
        return (estimate - truth) / standard_error

    assert np.abs(errors(log_sampling)).max() < 5
    assert np.abs(errors(np.zeros_like(log_sampling))).max() > 50

    tied = costs_to_go(augmented_costs(costs, u, multipliers, penalties, log_sampling, log_target))
    step_size = 0.5 * (
        np.trace(sampling.precision[0] @ covariance)
        + (mean - sampling.k[0]) @ sampling.precision[0] @ (mean - sampling.k[0])
        - DIM_U
        + np.linalg.slogdet(sampling.C[0])[1]
        - np.linalg.slogdet(covariance)[1]
    )
    assert temperatures(tied, step_size, penalties)[0] == pytest.approx(tau, rel=0.02)
    assert temperatures(tied, 2 * step_size, penalties)[0] >= nu
