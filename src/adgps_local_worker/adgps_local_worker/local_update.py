"""Algorithm 2, one instance: samples in, a better local policy out.

`fit` learns from the samples what the step needs; `improve` takes a bounded step. Synchronous
training calls `improve` several times for one `fit`, each time against a newer global policy (the
paper's figure 2); `retreat` repeats the step smaller when the arm could not run the policy.

              the step starts from             and minimises
    badmm     the local policy that sampled    E[l - λᵀu] + ν KL(p || π̄)      (equation 2)
    mdgps     π̄, the global one that sampled   E[l]                           (equation 3)

    lqr       on a model fitted to the samples, the divergence of trajectories bounded
    pi2       on the samples themselves, weighted by their cost-to-go

Shapes: N rollouts, T steps, dX state, dU action, dO observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adgps_core.global_policy import GlobalPolicy
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.scoring import stacked
from adgps_core.tasks.task import CostExpansion
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_local_worker.badmm import augmented_costs
from adgps_local_worker.consulting import consult, linearize, past_transitions
from adgps_local_worker.dynamics import fit_dynamics, transitions
from adgps_local_worker.gaussians import entropy
from adgps_local_worker.gmm_prior import fit_mixture
from adgps_local_worker.kl_lqr import augmented_cost, bounded_step
from adgps_local_worker.local_state import Batch, LocalState, Model, batch_of
from adgps_local_worker.lqr import expected_cost, forward_pass
from adgps_local_worker.pi2 import Pi2Settings, pi2_step
from adgps_local_worker.problem import Problem
from adgps_local_worker.step_size import adapt_step_size

RETREAT = 0.3
"""Factor on the step size after a step that the arm could not run."""

SMALLEST = RETREAT**6
"""Step size below which a retreat goes all the way back."""

Notes = tuple[str, ...]
"""Sentences for the operator."""


def fit(
    state: LocalState,
    samples: Sequence[Trajectory],
    problem: Problem,
    rng: np.random.Generator,
    sampled: GlobalPolicy | None = None,
) -> LocalState:
    """Learn from new samples what a step needs, and judge the step before.

    Parameters
    ----------
    state : under BADMM, the one whose policy drew the samples.
    samples : N complete trajectories of T steps.
    sampled : the global policy that drew the samples, under MDGPS.
    """
    configuration = problem.configuration
    states = np.stack([sample.states for sample in samples])
    observations = np.stack([sample.observations for sample in samples])
    applied = np.stack([sample.actions_applied for sample in samples])
    newest = transitions(states, applied)
    history = (*state.history, newest.reshape(-1, newest.shape[-1]))
    state = replace(state, history=history[-configuration.prior_history :])
    centre = state.policy
    if problem.method == "mdgps":
        if sampled is None:
            raise ValueError("under mdgps the samples are a global policy's")
        state = linearize(state, states[:, :-1], observations, sampled, problem, rng)
        assert state.linearized is not None
        centre = state.linearized
    model = None
    if problem.optimizer == "lqr":
        state, model = _fit_model(state, states, applied, problem, rng)
    batch = Batch(
        states=states,
        observations=observations,
        actions=np.stack([sample.actions_sampled for sample in samples]),
        log_probabilities=np.stack([sample.log_probabilities for sample in samples]),
        costs=problem.task.cost(states[:, :-1], applied, problem.instance, stacked(samples)),
        sampling_policy=centre,
        model=model,
    )
    multiplier = state.step_multiplier
    if problem.optimizer == "pi2":
        multiplier = min(1.0, multiplier / RETREAT)  # what could be run undoes one retreat
    elif model is not None and state.objective is not None and state.improvement is not None:
        multiplier = adapt_step_size(
            multiplier,
            state.improvement,
            state.objective - _objective(state, model, centre, problem),
            high=configuration.step_multiplier_max,
        )
    return replace(
        state,
        step_multiplier=multiplier,
        iteration=state.iteration + 1,
        rollouts=state.rollouts + len(samples),
        batch=batch,
    )


def improve(
    state: LocalState,
    global_policy: GlobalPolicy | None,
    problem: Problem,
    rng: np.random.Generator,
) -> tuple[LocalState, Notes]:
    """Step to a better local policy; under BADMM, update multipliers and penalty weights first.

    Parameters
    ----------
    state : with a batch.
    global_policy : newest; None while it has not been trained, which leaves plain optimisation.
    """
    batch = batch_of(state)
    if problem.method == "badmm" and global_policy is not None:
        state = consult(state, global_policy, problem, rng)
    if problem.optimizer == "lqr":
        return _improve_model(state, batch, problem), ()
    return _reweigh(state, batch, global_policy, problem)


def retreat(
    state: LocalState,
    global_policy: GlobalPolicy | None,
    problem: Problem,
    rng: np.random.Generator,
) -> LocalState:
    """Repeat the last step of BADMM with a smaller bound, or take it back if it was small already.

    Before the first step there is nothing to retreat from.
    """
    if state.batch is None:
        return state
    smaller = replace(state, step_multiplier=RETREAT * state.step_multiplier)
    if smaller.step_multiplier < SMALLEST:
        sampled = state.batch.sampling_policy  # the arm could run this one
        return replace(
            state, policy=sampled, step_multiplier=SMALLEST, objective=None, improvement=None
        )
    return improve(smaller, global_policy, problem, rng)[0]


def _fit_model(
    state: LocalState, states: Array, actions: Array, problem: Problem, rng: np.random.Generator
) -> tuple[LocalState, Model]:
    """Fit dynamics, with a mixture over the history as prior, and average the cost's expansion."""
    configuration = problem.configuration
    prior = fit_mixture(
        past_transitions(state, configuration, rng),
        configuration.prior_components,
        rng,
        state.dynamics_prior,
        configuration.prior_iterations,
    )
    expansion = problem.task.expand_cost(states[:, :-1], actions, problem.instance)
    model = Model(
        fit_dynamics(states, actions, prior, configuration.prior_strength),
        CostExpansion(
            expansion.hessian.mean(0), expansion.gradient.mean(0), expansion.value.mean(0)
        ),
    )
    return replace(state, dynamics_prior=prior), model


def _improve_model(state: LocalState, batch: Batch, problem: Problem) -> LocalState:
    """LQR on the model, within a divergence from the policy that sampled."""
    if batch.model is None:
        raise ValueError("no model was fitted to these samples")
    configuration, centre = problem.configuration, batch.sampling_policy
    cost, weights = _augmented(state, batch.model, problem)
    bound = configuration.kl_step * state.step_multiplier * problem.task.horizon
    step = bounded_step(batch.model.dynamics, cost, centre, bound, weights)
    before = _objective(state, batch.model, centre, problem)
    return replace(
        state,
        policy=step.policy,
        objective=before,
        improvement=before - _objective(state, batch.model, step.policy, problem),
    )


def _reweigh(
    state: LocalState, batch: Batch, global_policy: GlobalPolicy | None, problem: Problem
) -> tuple[LocalState, Notes]:
    """PI2 on the samples; BADMM's multipliers and penalty enter their costs."""
    configuration = problem.configuration
    costs, temperature = batch.costs, None
    if problem.method == "badmm" and global_policy is not None:
        costs = augmented_costs(
            costs,
            batch.actions,
            state.multipliers,
            state.kl_weights,
            batch.log_probabilities,
            global_policy.log_probability(batch.observations, batch.actions),
        )
        temperature = state.kl_weights
    step = pi2_step(
        batch.sampling_policy,
        batch.states[:, :-1],
        batch.actions,
        costs,
        configuration.pi2_kl * state.step_multiplier,
        minimum_temperature=temperature,
        settings=Pi2Settings(configuration.pi2_covariance, smoothing=configuration.pi2_smoothing),
    )
    return replace(state, policy=step.policy), step.notes


def _augmented(state: LocalState, model: Model, problem: Problem) -> tuple[CostExpansion, Array]:
    """Cost that the method minimises, and the entropy weight that belongs to it."""
    weights = np.zeros_like(state.kl_weights)
    if problem.method == "mdgps":
        return model.cost, weights
    if state.linearized is not None:
        weights = state.kl_weights
    return augmented_cost(model.cost, state.multipliers, weights, state.linearized), weights


def _objective(
    state: LocalState, model: Model, policy: LinearGaussianPolicy, problem: Problem
) -> float:
    """What the method minimises, Σ_t E_p[l - λᵀu] + ν KL(p || π̄) or Σ_t E_p[l], by the model.

    The step size must be judged by what the step minimises: the cost alone may well rise while a
    policy is pulled towards the global one.
    """
    cost, weights = _augmented(state, model, problem)
    expected = expected_cost(cost, forward_pass(model.dynamics, policy))
    return float((expected - weights * entropy(policy)).sum())
