"""What a local update learns of the global policy: linearised, and how far it is off.

Shapes: N rollouts, T steps, M points of the past, dX state, dU action, dO observation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adgps_core.global_policy import GlobalPolicy
from adgps_core.typing import Array
from adgps_local_worker.badmm import update_kl_weights, update_multipliers
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.gaussians import policy_divergence
from adgps_local_worker.gmm_prior import fit_mixture
from adgps_local_worker.linearization import linearize_policy
from adgps_local_worker.local_state import LocalState, batch_of
from adgps_local_worker.problem import Problem


def linearize(
    state: LocalState,
    states: Array,
    observations: Array,
    global_policy: GlobalPolicy,
    problem: Problem,
    rng: np.random.Generator,
) -> LocalState:
    """Linearise a global policy at states (N, T, dX), seen as observations (N, T, dO).

    The prior is fitted to the past; of a task that measures, to these states alone, for of earlier
    ones it is not known what was seen in them.
    """
    configuration, task = problem.configuration, problem.task
    if task.measured:
        past = states.reshape(-1, task.dim_x)
        seen = observations.reshape(-1, task.dim_o)
    else:
        past = past_transitions(state, configuration, rng)[:, : task.dim_x]
        seen = task.observe(past, problem.instance)
    answers = global_policy.mean(seen)
    prior = fit_mixture(
        np.concatenate([past, answers], axis=-1),
        configuration.prior_components,
        rng,
        state.policy_prior,
        configuration.prior_iterations,
    )
    means = global_policy.mean(observations)
    linearized = linearize_policy(
        states, means, global_policy.variance, prior, configuration.prior_strength
    )
    return replace(state, linearized=linearized, policy_prior=prior)


def past_transitions(
    state: LocalState, configuration: LocalConfiguration, rng: np.random.Generator
) -> Array:
    """Transitions (M, dX+dU+dX) of past iterations that mixtures are fitted to.

    The time that takes grows with their number; as prior, a part says as much as all of them.
    """
    past = np.concatenate(state.history)
    if len(past) <= configuration.prior_points:
        return past
    drawn: Array = rng.choice(past, configuration.prior_points, replace=False)
    return drawn


def consult(
    state: LocalState, global_policy: GlobalPolicy, problem: Problem, rng: np.random.Generator
) -> LocalState:
    """Linearise the global policy at the samples and update λ and ν by how far it is off."""
    batch, configuration = batch_of(state), problem.configuration
    states = batch.states[:, :-1]
    state = linearize(state, states, batch.observations, global_policy, problem, rng)
    assert state.linearized is not None
    spread = states - states.mean(0)
    divergence = policy_divergence(
        state.policy,
        state.linearized,
        states.mean(0),
        np.einsum("nti,ntj->tij", spread, spread) / len(states),
    )
    return replace(
        state,
        multipliers=update_multipliers(
            state.multipliers,
            state.kl_weights,
            global_policy.mean(batch.observations),
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
    )
