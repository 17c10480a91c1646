"""Time the pieces of a local update at the sizes of a real arm, on one thread as `exec` sets it.

    ./adgps exec python benchmarks/local_update.py [--rollouts 5 10 20] [--repeats 20]

Rollouts are those of a random stable linear system. Mixtures are warm: fitted once to older
rollouts, they are updated as in every iteration of a run. The exit status is 1 if a median is over
its budget.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.dynamics import fit_dynamics, transitions
from adgps_local_worker.gmm_prior import GaussianMixture, fit_mixture
from adgps_local_worker.kl_lqr import bounded_step
from adgps_local_worker.linearization import linearize_policy
from adgps_local_worker.lqr import LinearDynamics, backward_pass, forward_pass
from adgps_local_worker.pi2 import pi2_step

T, DIM_X, DIM_U = 100, 32, 7
CONFIGURATION = LocalConfiguration()
BUDGETS_MS = {"PI2": 5.0, "LQR, backward and forward pass": 8.0, "dynamics": 60.0}


@dataclass(frozen=True)
class Rollouts:
    """States (N, T+1, dX) and actions (N, T, dU) of one batch."""

    states: Array
    actions: Array

    @property
    def transitions(self) -> Array:
        """(N T, dX + dU + dX)."""
        stacked = transitions(self.states, self.actions)
        return stacked.reshape(-1, stacked.shape[-1])


def sample(count: int, policy: LinearGaussianPolicy, rng: np.random.Generator) -> Rollouts:
    """Roll a policy out on a stable linear system that is the same for all batches."""
    system = np.random.default_rng(0)
    A = 0.97 * np.linalg.qr(system.standard_normal((DIM_X, DIM_X)))[0]
    B = 0.1 * system.standard_normal((DIM_X, DIM_U))
    states = np.empty((count, T + 1, DIM_X))
    actions = np.empty((count, T, DIM_U))
    states[:, 0] = 0.1 * rng.standard_normal((count, DIM_X))
    for t in range(T):
        actions[:, t] = states[:, t] @ policy.K[t].T + rng.standard_normal((count, DIM_U))
        disturbance = 0.01 * rng.standard_normal((count, DIM_X))
        states[:, t + 1] = states[:, t] @ A.T + actions[:, t] @ B.T + disturbance
    return Rollouts(states, actions)


def quadratic_cost() -> CostExpansion:
    """½ ‖x‖² + ½ 0.01 ‖u‖² at every step."""
    hessian = np.diag(np.append(np.ones(DIM_X), np.full(DIM_U, 0.01)))
    size = DIM_X + DIM_U
    return CostExpansion(np.tile(hessian, (T, 1, 1)), np.zeros((T, size)), np.zeros(T))


def mixture_of(points: Array, previous: GaussianMixture | None) -> GaussianMixture:
    """Fit or update a mixture, as a local update does."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(points, min(len(points), CONFIGURATION.prior_points), replace=False)
    components, steps = CONFIGURATION.prior_components, CONFIGURATION.prior_iterations
    return fit_mixture(drawn, components, rng, previous, steps)


def pieces(count: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name, for batches of that many rollouts."""
    rng = np.random.default_rng(1)
    policy = LinearGaussianPolicy(
        K=np.zeros((T, DIM_U, DIM_X)), k=np.zeros((T, DIM_U)), C=np.tile(np.eye(DIM_U), (T, 1, 1))
    )
    cost = quadratic_cost()
    batches = [sample(count, policy, rng) for _ in range(CONFIGURATION.prior_history + 1)]
    newest = batches[-1]
    older = np.concatenate([batch.transitions for batch in batches[:-1]])
    recent = np.concatenate([batch.transitions for batch in batches[1:]])
    warm = mixture_of(older, None)
    pairs = slice(0, DIM_X + DIM_U)
    warm_pairs = mixture_of(older[:, pairs], None)
    costs = 0.5 * np.square(newest.states[:, :-1]).sum(-1)
    means = np.tanh(newest.states[:, :-1, :DIM_U])

    def dynamics() -> LinearDynamics:
        return fit_dynamics(newest.states, newest.actions, mixture_of(recent, warm))

    def linearization() -> LinearGaussianPolicy:
        prior = mixture_of(recent[:, pairs], warm_pairs)
        return linearize_policy(newest.states[:, :-1], means, np.ones(DIM_U), prior)

    model = dynamics()

    def passes() -> object:
        return forward_pass(model, backward_pass(model, cost, np.ones(T)).policy)

    return {
        "PI2": lambda: pi2_step(policy, newest.states[:, :-1], newest.actions, costs, 1.0),
        "LQR, backward and forward pass": passes,
        "LQR, step within a divergence": lambda: bounded_step(model, cost, policy, T * 1.0),
        "dynamics": dynamics,
        "linearised policy": linearization,
    }


def median_ms(function: Callable[[], object], repeats: int) -> float:
    """Median duration of a call [ms], after one that is not counted."""
    function()
    durations = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        durations.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(durations)


def main() -> int:
    """Measure, print the table, and tell by the exit status whether all budgets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rollouts", type=int, nargs="+", default=[5, 10, 20], metavar="N")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    measured: dict[str, list[float]] = {}
    for count in options.rollouts:
        for name, function in pieces(count).items():
            measured.setdefault(name, []).append(median_ms(function, options.repeats))
    print("| median [ms] | " + " | ".join(f"N = {n}" for n in options.rollouts) + " | budget |")
    print("|---" * (len(options.rollouts) + 2) + "|")
    for name, durations in measured.items():
        budget = f"{BUDGETS_MS[name]:g}" if name in BUDGETS_MS else ""
        cells = " | ".join(f"{duration:.1f}" for duration in durations)
        print(f"| {name} | {cells} | {budget} |")
    late = [name for name, budget in BUDGETS_MS.items() if max(measured[name]) > budget]
    if late:
        print(f"over budget: {', '.join(late)}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
