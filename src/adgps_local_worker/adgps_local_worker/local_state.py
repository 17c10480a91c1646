"""What a local worker knows about one instance, and what about its newest samples.

Shapes: N rollouts, T steps, dX state, dU action, dO observation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adgps_core.demonstration import Demonstration
from adgps_core.phases import Phase
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion, Task
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.gmm_prior import GaussianMixture
from adgps_local_worker.initial_policy import follow, hold
from adgps_local_worker.lqr import LinearDynamics


@dataclass(frozen=True)
class Model:
    """What LQR knows of the samples of one iteration.

    Parameters
    ----------
    dynamics : fitted to them.
    cost : quadratic model of the task's cost, averaged over them.
    """

    dynamics: LinearDynamics
    cost: CostExpansion


@dataclass(frozen=True)
class Batch:
    """The samples of one iteration and the model fitted to them.

    Parameters
    ----------
    states : (N, T+1, dX).
    observations : (N, T, dO).
    actions : (N, T, dU), as sampled.
    log_probabilities : (N, T) of the actions under the policy that drew them [nat].
    costs : (N, T) of the task.
    sampling_policy : that drew them, the global one linearised: the centre of the step's bound.
    model : for LQR; None where no model is fitted.
    """

    states: Array
    observations: Array
    actions: Array
    log_probabilities: Array
    costs: Array
    sampling_policy: LinearGaussianPolicy
    model: Model | None


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


def batch_of(state: LocalState) -> Batch:
    """Return the newest batch; ValueError before the first `fit`."""
    if state.batch is None:
        raise ValueError("no samples yet: call fit first")
    return state.batch


def initial_state(
    task: Task, configuration: LocalConfiguration, demonstration: Demonstration | None = None
) -> LocalState:
    """State before the first rollout; its policy follows a demonstration if there is one."""
    if demonstration is not None:
        policy = follow(
            demonstration,
            task.dim_x,
            np.array(configuration.demonstration_stiffness),
            np.array(configuration.demonstration_damping),
            np.array(configuration.demonstration_noise),
        )
    else:
        policy = hold(
            task.horizon,
            task.dim_x,
            task.start_joint_angles + np.array(configuration.initial_pull),
            np.array(configuration.initial_stiffness),
            np.array(configuration.initial_damping),
            np.array(configuration.initial_noise),
        )
    return LocalState(
        policy,
        multipliers=np.zeros((task.horizon, task.dim_u)),
        kl_weights=np.full(task.horizon, configuration.kl_weight),
    )


def begin_phase(
    state: LocalState,
    previous: Phase | None,
    phase: Phase,
    task: Task,
    configuration: LocalConfiguration,
    demonstration: Demonstration | None = None,
) -> LocalState:
    """Prepare for the first iteration of a phase.

    A local policy lives on from one phase of BADMM to the next. MDGPS makes one in each iteration,
    for an instance that never comes back: after it, BADMM begins with the initial one, that of the
    demonstration where there is one. Its weights ν only say how much its samples count beside those
    of BADMM in the global policy's loss: as much as these did at first.
    """
    state = replace(state, step_multiplier=1.0, objective=None, improvement=None)
    if phase.method == "mdgps":
        return replace(
            state,
            multipliers=np.zeros_like(state.multipliers),
            kl_weights=np.full_like(state.kl_weights, configuration.kl_weight),
            divergence=None,
        )
    if previous is not None and previous.method == "badmm":
        return state
    first = initial_state(task, configuration, demonstration)
    return replace(
        state,
        policy=first.policy,
        multipliers=first.multipliers,
        kl_weights=first.kl_weights,
        divergence=None,
        linearized=None,
        batch=None,
    )
