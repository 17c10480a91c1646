"""Algorithm 2, one instance: samples in, a better local policy out.

`fit` learns a model from the samples; `improve` takes a bounded step on it. Synchronous training
calls `improve` several times for one `fit`, each time against a newer global policy (the paper's
figure 2); `retreat` repeats the step smaller when the arm could not run the policy.

Shapes: N rollouts, T steps, dX state, dU action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adgps_core.global_policy import GlobalPolicy
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion, Instance, Task
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_local_worker.badmm import update_kl_weights, update_multipliers
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.dynamics import fit_dynamics, transitions
from adgps_local_worker.gaussians import entropy, policy_divergence
from adgps_local_worker.gmm_prior import GaussianMixture, fit_mixture
from adgps_local_worker.initial_policy import hold
from adgps_local_worker.kl_lqr import augmented_cost, bounded_step
from adgps_local_worker.linearization import linearize_policy
from adgps_local_worker.lqr import LinearDynamics, expected_cost, forward_pass
from adgps_local_worker.step_size import adapt_step_size

RETREAT = 0.3
"""Factor on the step size after a step that the arm could not run."""


@dataclass(frozen=True)
class Batch:
    """The samples of one iteration and the model fitted to them.

    Parameters
    ----------
    states : (N, T+1, dX).
    actions : (N, T, dU), as applied.
    dynamics : fitted to them.
    cost : quadratic model of the task's cost, averaged over them.
    sampling_policy : that drew them: the centre of the divergence bound.
    """

    states: Array
    actions: Array
    dynamics: LinearDynamics
    cost: CostExpansion
    sampling_policy: LinearGaussianPolicy


@dataclass(frozen=True)
class LocalState:
    """All that a local worker knows about one instance.

    Parameters
    ----------
    policy : the newest local policy.
    multipliers : λ_t, (T, dU).
    kl_weights : ν_t, (T,).
    step_multiplier : of the divergence bound.
    iteration, rollouts : batches, and rollouts in them, learned from so far.
    divergence : KL_t(local || linearised global) at the last improvement, (T,); None before.
    linearized : π̄, the global policy as it was then, linearised at the samples.
    objective : E_p̄[l - λᵀu] + ν KL(p̄ || π̄) of the sampling policy p̄ at the last improvement;
        None before the first.
    improvement : what the last step promised to save of it; None before the first.
    batch : newest samples and model; None before the first.
    history : transitions (M, dX+dU+dX) of past iterations, newest last, an array each.
    dynamics_prior, policy_prior : mixtures of the last update, to start the next from.
    """

    policy: LinearGaussianPolicy
    multipliers: Array
    kl_weights: Array
    step_multiplier: float = 1.0
    iteration: int = 0
    rollouts: int = 0
    divergence: Array | None = None
    linearized: LinearGaussianPolicy | None = None
    objective: float | None = None
    improvement: float | None = None
    batch: Batch | None = None
    history: tuple[Array, ...] = ()
    dynamics_prior: GaussianMixture | None = None
    policy_prior: GaussianMixture | None = None


def initial_state(task: Task, configuration: LocalConfiguration) -> LocalState:
    """State before the first rollout."""
    policy = hold(
        task.horizon,
        task.dim_x,
        task.start_joint_angles,
        np.array(configuration.initial_stiffness),
        np.array(configuration.initial_damping),
        np.array(configuration.initial_noise),
    )
    return LocalState(
        policy,
        multipliers=np.zeros((task.horizon, task.dim_u)),
        kl_weights=np.full(task.horizon, configuration.kl_weight),
    )


def fit(
    state: LocalState,
    samples: Sequence[Trajectory],
    task: Task,
    instance: Instance,
    configuration: LocalConfiguration,
    rng: np.random.Generator,
) -> LocalState:
    """Fit dynamics and cost to new samples, and judge the step that led to them.

    Parameters
    ----------
    state : whose policy drew the samples.
    samples : N complete trajectories of T steps.
    """
    states = np.stack([sample.states for sample in samples])
    actions = np.stack([sample.actions_applied for sample in samples])
    newest = transitions(states, actions)
    history = (*state.history, newest.reshape(-1, newest.shape[-1]))
    history = history[-configuration.prior_history :]
    prior = fit_mixture(
        np.concatenate(history),
        configuration.prior_components,
        rng,
        state.dynamics_prior,
        configuration.prior_iterations,
    )
    dynamics = fit_dynamics(states, actions, prior, configuration.prior_strength)
    expansion = task.expand_cost(states[:, :-1], actions, instance)
    cost = CostExpansion(
        expansion.hessian.mean(0), expansion.gradient.mean(0), expansion.value.mean(0)
    )
    batch = Batch(states, actions, dynamics, cost, state.policy)
    multiplier = state.step_multiplier
    if state.objective is not None and state.improvement is not None:
        multiplier = adapt_step_size(
            multiplier,
            state.improvement,
            state.objective - _objective(state, batch, state.policy),
            high=configuration.step_multiplier_max,
        )
    return replace(
        state,
        step_multiplier=multiplier,
        iteration=state.iteration + 1,
        rollouts=state.rollouts + len(samples),
        batch=batch,
        history=history,
        dynamics_prior=prior,
    )


def improve(
    state: LocalState,
    global_policy: GlobalPolicy | None,
    task: Task,
    instance: Instance,
    configuration: LocalConfiguration,
    rng: np.random.Generator,
) -> LocalState:
    """Update multipliers and penalty weights, then step to a better local policy.

    Parameters
    ----------
    state : with a batch.
    global_policy : newest; None while it has not been trained, which leaves plain LQR.
    """
    batch = _batch(state)
    if global_policy is not None:
        state = _consult(state, global_policy, task, instance, configuration, rng)
    cost, weights = _augmented(state, batch)
    bound = configuration.kl_step * state.step_multiplier * task.horizon
    step = bounded_step(batch.dynamics, cost, batch.sampling_policy, bound, weights)
    before = _objective(state, batch, batch.sampling_policy)
    return replace(
        state,
        policy=step.policy,
        objective=before,
        improvement=before - _objective(state, batch, step.policy),
    )


def retreat(
    state: LocalState,
    global_policy: GlobalPolicy | None,
    task: Task,
    instance: Instance,
    configuration: LocalConfiguration,
    rng: np.random.Generator,
) -> LocalState:
    """Repeat the last step with a smaller bound; from the start if there was none."""
    if state.batch is None:
        return state
    smaller = replace(state, step_multiplier=RETREAT * state.step_multiplier)
    return improve(smaller, global_policy, task, instance, configuration, rng)


def _consult(
    state: LocalState,
    global_policy: GlobalPolicy,
    task: Task,
    instance: Instance,
    configuration: LocalConfiguration,
    rng: np.random.Generator,
) -> LocalState:
    """Linearise the global policy at the samples and update λ and ν by how far it is off."""
    states = _batch(state).states[:, :-1]
    means = global_policy.mean(task.observe(states, instance))
    past = np.concatenate(state.history)[:, : task.dim_x]
    prior = fit_mixture(
        np.concatenate([past, global_policy.mean(task.observe(past, instance))], axis=-1),
        configuration.prior_components,
        rng,
        state.policy_prior,
        configuration.prior_iterations,
    )
    linearized = linearize_policy(
        states, means, global_policy.variance, prior, configuration.prior_strength
    )
    spread = states - states.mean(0)
    divergence = policy_divergence(
        state.policy,
        linearized,
        states.mean(0),
        np.einsum("nti,ntj->tij", spread, spread) / len(states),
    )
    return replace(
        state,
        multipliers=update_multipliers(
            state.multipliers,
            state.kl_weights,
            means,
            state.policy.mean(states),
            configuration.multiplier_rate,
        ),
        kl_weights=update_kl_weights(
            state.kl_weights,
            divergence,
            state.divergence,
            low=configuration.kl_weight_min,
            high=configuration.kl_weight_max,
        ),
        divergence=divergence,
        linearized=linearized,
        policy_prior=prior,
    )


def _augmented(state: LocalState, batch: Batch) -> tuple[CostExpansion, Array]:
    """BADMM's cost of a batch, and the entropy weight that belongs to it."""
    weights = state.kl_weights
    if state.linearized is None:
        weights = np.zeros_like(weights)
    return augmented_cost(batch.cost, state.multipliers, weights, state.linearized), weights


def _objective(state: LocalState, batch: Batch, policy: LinearGaussianPolicy) -> float:
    """Σ_t E_p[l - λᵀu] + ν KL(p || π̄) of a policy under a batch's model.

    The step size must be judged by what the step minimises: the cost alone may well rise while a
    policy is pulled towards the global one.
    """
    cost, weights = _augmented(state, batch)
    expected = expected_cost(cost, forward_pass(batch.dynamics, policy))
    return float((expected - weights * entropy(policy)).sum())


def _batch(state: LocalState) -> Batch:
    """Return the newest batch; ValueError before the first `fit`."""
    if state.batch is None:
        raise ValueError("no samples yet: call fit first")
    return state.batch
