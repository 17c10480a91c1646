"""One instance's update: it learns, within its bound, and towards the global policy."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from point_mass import CONFIGURATION, INSTANCES, TASK, PointMass, global_policy

from adgps_core.phases import Phase
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_local_worker.badmm import update_kl_weights
from adgps_local_worker.gaussians import policy_divergence
from adgps_local_worker.local_state import LocalState, Model, begin_phase, initial_state
from adgps_local_worker.local_update import (
    RETREAT,
    SMALLEST,
    fit,
    improve,
    retreat,
)
from adgps_local_worker.lqr import backward_pass, expected_cost, forward_pass
from adgps_local_worker.pi2 import pi2_step
from adgps_local_worker.problem import Problem
from adgps_local_worker.step_size import adapt_step_size

GOAL = INSTANCES[0]
GLOBAL = global_policy(seed=0)
BADMM_LQR = Problem(TASK, GOAL, CONFIGURATION)


def _samples(state: LocalState, count: int = 5, seed: int = 0) -> list[Trajectory]:
    return [TASK.roll_out(GOAL, state.policy, 1000 * seed + n) for n in range(count)]


def _fitted(state: LocalState, seed: int = 0) -> LocalState:
    rng = np.random.default_rng(seed)
    return fit(state, _samples(state, seed=seed), BADMM_LQR, rng)


def _model(state: LocalState) -> Model:
    assert state.batch is not None and state.batch.model is not None
    return state.batch.model


def _divergence(state: LocalState) -> Array:
    """Of the newest policy from the one that drew the samples, under the fitted model."""
    assert state.batch is not None
    marginals = forward_pass(_model(state).dynamics, state.policy)
    return policy_divergence(
        state.policy,
        state.batch.sampling_policy,
        marginals.mean[:, :4],
        marginals.covariance[:, :4, :4],
    )


def test_the_first_policy_holds_the_start() -> None:
    """Nothing was learned, no multiplier was moved."""
    state = initial_state(TASK, CONFIGURATION)
    at_start = np.tile([*TASK.start_joint_angles, 0.0, 0.0], (TASK.horizon, 1))
    np.testing.assert_allclose(state.policy.mean(at_start), 0.0, atol=1e-12)
    np.testing.assert_array_equal(state.multipliers, np.zeros((TASK.horizon, 2)))
    np.testing.assert_array_equal(state.kl_weights, CONFIGURATION.kl_weight)
    with pytest.raises(ValueError, match="fit first"):
        improve(state, None, BADMM_LQR, np.random.default_rng(0))


def test_iterations_lower_the_cost_to_the_optimum() -> None:
    """Measured on rollouts of the true system, without a global policy."""
    state, costs = initial_state(TASK, CONFIGURATION), []
    for iteration in range(1, 13):
        samples = _samples(state, seed=iteration)
        costs.append(
            np.mean([TASK.cost(s.states[:-1], s.actions_applied, GOAL).sum() for s in samples])
        )
        rng = np.random.default_rng(iteration)
        state = fit(state, samples, BADMM_LQR, rng)
        state, _ = improve(state, None, BADMM_LQR, rng)
        assert state.iteration == iteration
        assert state.improvement is not None and state.improvement > 0
    least = TASK.least_cost(GOAL)
    assert costs[0] > 3 * least
    assert costs[1] < costs[0] and costs[3] < 0.7 * costs[0]
    assert costs[-1] < 1.1 * least


def test_fit_models_the_true_system_and_its_cost() -> None:
    """Fitted dynamics predict, and the model's cost of the sampling policy is the samples'."""
    state = _fitted(initial_state(TASK, CONFIGURATION))
    assert state.batch is not None
    predicted = _model(state).dynamics.F[-1] @ np.array([0.5, 0.5, 0.2, -0.1, 1.0, -1.0])
    predicted += _model(state).dynamics.f[-1]
    np.testing.assert_allclose(predicted, [0.54, 0.48, 0.4, -0.3], atol=0.03)
    paid = TASK.cost(state.batch.states[:, :-1], state.batch.actions, GOAL).sum(-1)
    model = expected_cost(_model(state).cost, forward_pass(_model(state).dynamics, state.policy))
    assert model.sum() == pytest.approx(paid.mean(), rel=0.05)
    np.testing.assert_array_equal(state.batch.sampling_policy.K, state.policy.K)


def test_fit_remembers_as_many_iterations_as_configured() -> None:
    """The newest transitions come last, the oldest go."""
    state = initial_state(TASK, CONFIGURATION)
    for seed in range(CONFIGURATION.prior_history + 2):
        state = _fitted(state, seed)
    assert len(state.history) == CONFIGURATION.prior_history
    assert state.batch is not None
    newest = state.history[-1].reshape(5, TASK.horizon, 10)
    np.testing.assert_array_equal(newest[..., :4], state.batch.states[:, :-1])
    np.testing.assert_array_equal(newest[..., 4:6], state.batch.actions)
    np.testing.assert_array_equal(newest[..., 6:], state.batch.states[:, 1:])


def test_fit_judges_the_last_step() -> None:
    """The step size follows promised against actual improvement, from the second batch on."""
    rng = np.random.default_rng(0)
    first, _ = improve(_fitted(initial_state(TASK, CONFIGURATION)), None, BADMM_LQR, rng)
    assert first.objective is not None and first.step_multiplier == 1.0
    for promised in (0.3, 30.0, 3000.0):
        second = _fitted(replace(first, improvement=promised), seed=1)
        assert second.batch is not None
        marginals = forward_pass(_model(second).dynamics, first.policy)
        actual = first.objective - expected_cost(_model(second).cost, marginals).sum()
        expected = adapt_step_size(1.0, promised, actual, high=CONFIGURATION.step_multiplier_max)
        assert second.step_multiplier == pytest.approx(expected)


@pytest.mark.parametrize("multiplier", [0.01, 0.3])
@pytest.mark.parametrize("with_global", [False, True])
def test_a_step_stays_within_its_bound(multiplier: float, with_global: bool) -> None:
    """KL(new || sampling policy) is kl_step · multiplier a step at most, and about that."""
    fitted = replace(_fitted(initial_state(TASK, CONFIGURATION)), step_multiplier=multiplier)
    policy = GLOBAL if with_global else None
    state, _ = improve(fitted, policy, BADMM_LQR, np.random.default_rng(0))
    bound = CONFIGURATION.kl_step * multiplier * TASK.horizon
    assert 0.9 * bound <= _divergence(state).sum() <= bound


def _objective_by_sampling(state: LocalState, policy: LinearGaussianPolicy) -> tuple[float, float]:
    """E_p[l - λᵀu + ν (log p - log π̄)] and its standard error, from draws of the model."""
    assert state.batch is not None and state.linearized is not None
    rng = np.random.default_rng(1)
    marginals = forward_pass(_model(state).dynamics, policy)
    count, horizon = 50_000, TASK.horizon
    roots = np.linalg.cholesky(marginals.covariance + 1e-15 * np.eye(6))
    z = marginals.mean + np.einsum("tij,ntj->nti", roots, rng.standard_normal((count, horizon, 6)))
    x, u = z[..., :4], z[..., 4:]
    log_ratio = policy.log_probability(x, u) - state.linearized.log_probability(x, u)
    drawn = TASK.cost(x, u, GOAL) - (state.multipliers * u).sum(-1) + state.kl_weights * log_ratio
    sums = drawn.sum(-1)
    return float(sums.mean()), float(sums.std() / np.sqrt(count))


def test_a_step_is_judged_by_what_it_minimises() -> None:
    """Multipliers and divergence from the global policy count, before the step and after it."""
    fitted = _fitted(initial_state(TASK, CONFIGURATION))
    rng = np.random.default_rng(0)
    multipliers = rng.standard_normal(fitted.multipliers.shape)
    fitted = replace(fitted, multipliers=multipliers, kl_weights=fitted.kl_weights * 10)
    state, _ = improve(fitted, GLOBAL, BADMM_LQR, rng)
    assert state.batch is not None
    assert state.objective is not None and state.improvement is not None
    before, error = _objective_by_sampling(state, state.batch.sampling_policy)
    assert state.objective == pytest.approx(before, abs=4 * error)
    after, error = _objective_by_sampling(state, state.policy)
    assert state.objective - state.improvement == pytest.approx(after, abs=4 * error)


@pytest.mark.parametrize("kl_weight", [0.01, 1.0, 100.0])
def test_a_step_always_promises_something(kl_weight: float) -> None:
    """Even where agreeing with the global policy costs more than it saves."""
    state = initial_state(TASK, CONFIGURATION)
    state = replace(_fitted(state), kl_weights=np.full(TASK.horizon, kl_weight))
    configuration = replace(CONFIGURATION, kl_weight_max=100.0)
    state, _ = improve(
        state, GLOBAL, replace(BADMM_LQR, configuration=configuration), np.random.default_rng(0)
    )
    assert state.improvement is not None and state.improvement > 0


def test_a_global_policy_moves_multipliers_and_weights() -> None:
    """λ by α ν times the mean gap over the samples, ν by how the divergence changed."""
    fitted = _fitted(initial_state(TASK, CONFIGURATION))
    assert fitted.batch is not None
    rng = np.random.default_rng(0)
    first, _ = improve(fitted, GLOBAL, BADMM_LQR, rng)
    states = fitted.batch.states[:, :-1]
    gap = GLOBAL.mean(TASK.observe(states, GOAL)) - fitted.policy.mean(states)
    np.testing.assert_allclose(
        first.multipliers,
        CONFIGURATION.multiplier_rate * CONFIGURATION.kl_weight * gap.mean(0),
    )
    assert np.abs(first.multipliers).min() > 0
    assert first.divergence is not None and (first.divergence > 0).all()

    other = global_policy(seed=1)
    second, _ = improve(first, other, BADMM_LQR, rng)
    gap = other.mean(TASK.observe(states, GOAL)) - first.policy.mean(states)
    np.testing.assert_allclose(
        second.multipliers - first.multipliers,
        CONFIGURATION.multiplier_rate * first.kl_weights[:, None] * gap.mean(0),
    )
    assert second.divergence is not None
    expected = update_kl_weights(
        first.kl_weights,
        second.divergence,
        first.divergence,
        low=CONFIGURATION.kl_weight_min,
        high=CONFIGURATION.kl_weight_max,
    )
    np.testing.assert_allclose(second.kl_weights, expected)
    assert (second.kl_weights != first.kl_weights).any()
    assert second.iteration == first.iteration
    bound = CONFIGURATION.kl_step * TASK.horizon
    assert _divergence(second).sum() <= bound  # still from the policy that drew the samples


def test_a_heavier_penalty_brings_the_local_policy_nearer_to_the_global_one() -> None:
    """Mean actions over the samples, within the same bound."""
    fitted = _fitted(initial_state(TASK, CONFIGURATION))
    assert fitted.batch is not None
    states = fitted.batch.states[:, :-1]
    gaps = []
    for weight in (1e-4, 1e4):
        heavy = replace(CONFIGURATION, kl_weight=weight, kl_weight_max=1e9, multiplier_rate=0.0)
        state = replace(fitted, kl_weights=np.full(TASK.horizon, weight), step_multiplier=100.0)
        state, _ = improve(
            state, GLOBAL, replace(BADMM_LQR, configuration=heavy), np.random.default_rng(0)
        )
        gap = state.policy.mean(states) - GLOBAL.mean(TASK.observe(states, GOAL))
        gaps.append(np.abs(gap).mean())
    assert gaps[1] < 0.1 * gaps[0]


def test_without_a_global_policy_nothing_is_said_about_it() -> None:
    """Multipliers, weights and divergence stay as they are."""
    fitted = _fitted(initial_state(TASK, CONFIGURATION))
    state, _ = improve(fitted, None, BADMM_LQR, np.random.default_rng(0))
    assert state.multipliers is fitted.multipliers
    assert state.kl_weights is fitted.kl_weights
    assert state.divergence is None and state.policy_prior is None
    assert state.policy is not fitted.policy


def test_retreating_takes_the_same_step_smaller() -> None:
    """Each time nearer to the policy that could be run; the batch stays."""
    fitted = _fitted(initial_state(TASK, CONFIGURATION))
    state, _ = improve(fitted, None, BADMM_LQR, np.random.default_rng(0))
    divergences = [_divergence(state).sum()]
    for attempt in range(1, 4):
        state = retreat(state, None, BADMM_LQR, np.random.default_rng(0))
        assert state.step_multiplier == pytest.approx(RETREAT**attempt)
        assert state.batch is fitted.batch
        divergences.append(_divergence(state).sum())
    np.testing.assert_allclose(divergences[1:], RETREAT * np.array(divergences[:-1]), rtol=0.1)


def test_there_is_no_retreat_from_the_start() -> None:
    """Before the first batch there is nothing smaller."""
    state = initial_state(TASK, CONFIGURATION)
    assert retreat(state, None, BADMM_LQR, np.random.default_rng(0)) is state


def test_a_mixture_sees_so_many_points_and_no_more() -> None:
    """30 points of length 10 are enough for one component, not for three."""
    few = replace(BADMM_LQR, configuration=replace(CONFIGURATION, prior_points=30))
    state = initial_state(TASK, CONFIGURATION)
    for problem, components in ((BADMM_LQR, 3), (few, 1)):
        fitted = fit(state, _samples(state), problem, np.random.default_rng(0))
        assert fitted.dynamics_prior is not None
        assert len(fitted.dynamics_prior.weights) == components


def test_whoever_retreats_for_long_is_back_where_the_arm_could_run() -> None:
    """Whatever the optimiser, the step size never vanishes."""
    for optimizer in ("lqr", "pi2"):
        problem = replace(BADMM_LQR, optimizer=optimizer)
        fitted = _fitted(initial_state(TASK, CONFIGURATION))
        state, _ = improve(fitted, None, problem, np.random.default_rng(0))
        for _ in range(1000):
            state = retreat(state, None, problem, np.random.default_rng(0))
        assert fitted.batch is not None
        assert state.policy is fitted.batch.sampling_policy
        assert state.step_multiplier == SMALLEST
        assert state.objective is None and state.improvement is None


MDGPS_LQR = replace(BADMM_LQR, method="mdgps")
BADMM_PI2 = replace(BADMM_LQR, optimizer="pi2")
MDGPS_PI2 = replace(BADMM_LQR, method="mdgps", optimizer="pi2")


def _global_samples(problem: Problem, count: int = 8) -> LocalState:
    """State fitted to rollouts of the global policy."""
    samples = [TASK.roll_out(GOAL, GLOBAL, seed) for seed in range(count)]
    state = replace(initial_state(TASK, CONFIGURATION), kl_weights=np.ones(TASK.horizon))
    return fit(state, samples, problem, np.random.default_rng(0), GLOBAL)


def test_under_mdgps_the_step_starts_from_the_global_policy_that_sampled() -> None:
    """Linearised where it went: it predicts the network's answers, and its noise."""
    state = _global_samples(MDGPS_LQR, count=20)
    assert state.batch is not None
    centre, states = state.batch.sampling_policy, state.batch.states[:, :-1]
    answers = GLOBAL.mean(TASK.observe(states, GOAL))
    missed = np.square(centre.mean(states) - answers).mean()
    assert missed < 0.2 * np.square(answers).mean()
    variances = np.diagonal(centre.C, axis1=1, axis2=2)
    np.testing.assert_allclose(variances, np.tile(GLOBAL.variance, (TASK.horizon, 1)), rtol=0.05)
    with pytest.raises(ValueError, match="global policy"):
        fit(state, [TASK.roll_out(GOAL, GLOBAL, 0)] * 2, MDGPS_LQR, np.random.default_rng(0))


def test_what_a_task_that_measures_saw_is_never_asked_for_without_measurements() -> None:
    """Costs get the rollouts' measurements; linearising takes the observations as recorded."""

    class Measured(PointMass):
        """A point mass whose cost and observations are what a sensor says."""

        def observe(
            self,
            states: Array,
            instance: Instance,
            measurements: Mapping[str, Array] | None = None,
        ) -> Array:
            """Refuse: nobody knows any more what the sensor said."""
            raise AssertionError("asked what was seen")

        def cost(
            self,
            states: Array,
            actions: Array,
            instance: Instance,
            measurements: Mapping[str, Array] | None = None,
        ) -> Array:
            """Take the sensor's word for it."""
            assert measurements is not None
            return measurements["sensor"][..., 0]

    rng = np.random.default_rng(0)
    said = [rng.standard_normal((TASK.horizon, 1)) for _ in range(8)]
    samples = [
        replace(TASK.roll_out(GOAL, GLOBAL, seed), measurements={"sensor": word})
        for seed, word in enumerate(said)
    ]
    problem = replace(MDGPS_PI2, task=Measured(measured=("sensor",)))
    state = fit(initial_state(TASK, CONFIGURATION), samples, problem, rng, GLOBAL)
    assert state.batch is not None and state.linearized is not None
    np.testing.assert_array_equal(state.batch.costs, np.stack(said)[..., 0])


@pytest.mark.parametrize("multiplier", [0.01, 0.3])
def test_a_step_of_mdgps_stays_near_the_global_policy(multiplier: float) -> None:
    """Equation 3: within the bound, and about at it; nothing but the cost is minimised."""
    fitted = replace(_global_samples(MDGPS_LQR), step_multiplier=multiplier)
    state, _ = improve(fitted, GLOBAL, MDGPS_LQR, np.random.default_rng(0))
    bound = CONFIGURATION.kl_step * multiplier * TASK.horizon
    assert 0.9 * bound <= _divergence(state).sum() <= bound
    assert state.improvement is not None and state.improvement > 0
    np.testing.assert_array_equal(state.multipliers, 0.0)
    np.testing.assert_array_equal(state.kl_weights, 1.0)


def test_mdgps_without_a_bound_is_plain_trajectory_optimisation() -> None:
    """The same policy as LQR on the fitted model, which knows no global policy."""
    free = replace(MDGPS_LQR, configuration=replace(CONFIGURATION, kl_step=1e12))
    fitted = _global_samples(free)
    state, _ = improve(fitted, GLOBAL, free, np.random.default_rng(0))
    model = _model(fitted)
    best = backward_pass(model.dynamics, model.cost, np.full(TASK.horizon, 1e-6)).policy
    np.testing.assert_allclose(state.policy.K, best.K, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(state.policy.k, best.k, rtol=1e-3, atol=1e-4)


def test_mdgps_judges_its_last_step_by_what_the_new_global_policy_costs() -> None:
    """By the new model, on the new instance."""
    first, _ = improve(_global_samples(MDGPS_LQR), GLOBAL, MDGPS_LQR, np.random.default_rng(0))
    assert first.objective is not None and first.improvement is not None
    newer = global_policy(seed=1, version=2)
    samples = [TASK.roll_out(INSTANCES[1], newer, seed) for seed in range(8)]
    problem = replace(MDGPS_LQR, instance=INSTANCES[1])
    second = fit(first, samples, problem, np.random.default_rng(1), newer)
    assert second.batch is not None
    marginals = forward_pass(_model(second).dynamics, second.batch.sampling_policy)
    actual = first.objective - expected_cost(_model(second).cost, marginals).sum()
    expected = adapt_step_size(
        1.0, first.improvement, actual, high=CONFIGURATION.step_multiplier_max
    )
    assert second.step_multiplier == pytest.approx(expected)


def test_pi2_under_mdgps_reweighs_the_global_policy_s_samples() -> None:
    """The gains are the linearised global policy's, the rest follows the weighted rollouts."""
    fitted = _global_samples(MDGPS_PI2)
    assert fitted.batch is not None and fitted.batch.model is None
    state, notes = improve(fitted, GLOBAL, MDGPS_PI2, np.random.default_rng(0))
    assert notes == ()
    centre, batch = fitted.batch.sampling_policy, fitted.batch
    step = pi2_step(centre, batch.states[:, :-1], batch.actions, batch.costs, CONFIGURATION.pi2_kl)
    np.testing.assert_array_equal(state.policy.K, centre.K)
    np.testing.assert_array_equal(state.policy.k, step.policy.k)
    np.testing.assert_array_equal(state.policy.C, step.policy.C)
    costs = TASK.cost(batch.states[:, :-1], batch.actions, GOAL)
    np.testing.assert_allclose(batch.costs, costs)


def test_pi2_under_badmm_pays_for_leaving_the_global_policy() -> None:
    """Multipliers and penalty enter the samples' costs, and bound the temperature from below."""
    fitted = fit(
        initial_state(TASK, CONFIGURATION),
        _samples(initial_state(TASK, CONFIGURATION), 8),
        BADMM_PI2,
        np.random.default_rng(0),
    )
    assert fitted.batch is not None
    rng = np.random.default_rng(0)
    alone, _ = improve(fitted, None, BADMM_PI2, rng)
    plain = pi2_step(
        fitted.policy,
        fitted.batch.states[:, :-1],
        fitted.batch.actions,
        fitted.batch.costs,
        CONFIGURATION.pi2_kl,
    )
    np.testing.assert_array_equal(alone.policy.k, plain.policy.k)
    gaps = []
    for weight in (1e-4, 1e3):
        heavy = replace(CONFIGURATION, kl_weight=weight, kl_weight_max=1e9, multiplier_rate=0.0)
        state = replace(fitted, kl_weights=np.full(TASK.horizon, weight))
        tied, _ = improve(state, GLOBAL, replace(BADMM_PI2, configuration=heavy), rng)
        states = fitted.batch.states[:, :-1]
        gap = tied.policy.mean(states) - GLOBAL.mean(TASK.observe(states, GOAL))
        gaps.append(float(np.square(gap).mean()))
    assert gaps[1] < gaps[0]


def test_for_pi2_every_batch_that_could_be_run_undoes_one_retreat() -> None:
    """Nothing else adapts its bound, which would stay small for ever."""
    state = replace(initial_state(TASK, CONFIGURATION), step_multiplier=RETREAT**2)
    multipliers = []
    for _ in range(3):
        state = fit(state, _samples(state), BADMM_PI2, np.random.default_rng(0))
        multipliers.append(state.step_multiplier)
    assert multipliers == pytest.approx([RETREAT, 1.0, 1.0])


def test_pi2_s_covariances_follow_as_they_are_told_to() -> None:
    """Pure maximum likelihood leaves no noise but in the direction of two rollouts."""
    state = fit(
        initial_state(TASK, CONFIGURATION),
        _samples(initial_state(TASK, CONFIGURATION), count=2),
        BADMM_PI2,
        np.random.default_rng(0),
    )
    least = {}
    for covariance in ("damped", "maximum_likelihood"):
        configuration = replace(CONFIGURATION, pi2_covariance=covariance)
        problem = replace(BADMM_PI2, configuration=configuration)
        stepped, _ = improve(state, None, problem, np.random.default_rng(0))
        least[covariance] = np.linalg.eigvalsh(stepped.policy.C).min()
    variance = np.square(CONFIGURATION.initial_noise).min()
    assert least["damped"] > 0.4 * variance
    assert least["maximum_likelihood"] < 1e-6 * variance


def test_samples_of_both_methods_count_alike() -> None:
    """A network that is trained with what BADMM left and with MDGPS's own serves both."""
    badmm, mdgps = Phase("badmm", "pi2", 1), Phase("mdgps", "pi2", 1)
    practised = replace(initial_state(TASK, CONFIGURATION), kl_weights=np.full(TASK.horizon, 0.7))
    state = begin_phase(practised, badmm, mdgps, TASK, CONFIGURATION)
    np.testing.assert_array_equal(state.kl_weights, CONFIGURATION.kl_weight)
    np.testing.assert_array_equal(state.multipliers, 0.0)


def test_pi2_smooths_its_changes() -> None:
    """What differs between neighbouring steps becomes less, under either method."""
    local = _fitted(initial_state(TASK, CONFIGURATION))
    for problem, state in ((BADMM_PI2, local), (MDGPS_PI2, _global_samples(MDGPS_PI2))):
        assert state.batch is not None
        rough = []
        for smoothing in (0.0, 2.0):
            configuration = replace(CONFIGURATION, pi2_smoothing=smoothing)
            smoothed = replace(problem, configuration=configuration)
            stepped, _ = improve(state, None, smoothed, np.random.default_rng(0))
            change = stepped.policy.k - state.batch.sampling_policy.k
            rough.append(np.abs(np.diff(change, axis=0)).mean())
        assert rough[1] < 0.4 * rough[0]


def test_pi2_lowers_the_cost_without_a_model() -> None:
    """Measured on rollouts of the true system, with many more rollouts than LQR needs."""
    state, costs = initial_state(TASK, CONFIGURATION), []
    for iteration in range(12):
        rng = np.random.default_rng(iteration)
        state = fit(state, _samples(state, 40, iteration), BADMM_PI2, rng)
        assert state.batch is not None
        costs.append(state.batch.costs.sum(1).mean())
        state, _ = improve(state, None, BADMM_PI2, rng)
    assert costs[-1] < 0.5 * costs[0]
