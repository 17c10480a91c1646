"""A task small enough to know everything about: push a mass in the plane to a goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from adgps_core.demonstration import Demonstration
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion, Instance, Split
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.lqr import LinearDynamics, backward_pass, expected_cost, forward_pass

CONFIGURATION = LocalConfiguration(
    kl_step=1.0,
    prior_components=3,
    prior_history=3,
    initial_pull=(0.0, 0.0),
    initial_stiffness=(1.0, 1.0),
    initial_damping=(0.5, 0.5),
    initial_noise=(0.5, 0.5),
)


@dataclass(frozen=True)
class PointMass:
    """x = (position, velocity), u = force; quadratic cost of distance, speed and force."""

    name: str = "point_mass"
    horizon: int = 15
    control_period: float = 0.2
    disturbance: float = 1e-3
    dim_x: int = 4
    dim_u: int = 2
    dim_o: int = 6
    measured: tuple[str, ...] = ()
    start_joint_angles: Array = field(default_factory=lambda: np.array([0.1, -0.2]))
    observation_scaling: tuple[Array, Array] = (np.zeros(6), np.ones(6))

    def shown(self, demonstrations: Sequence[Demonstration]) -> Self:
        """Return the same task."""
        return self

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """Two goals for training, none held out."""
        goals = np.array([[1.0, 0.5], [-0.5, 1.0]]) if split == "training" else np.empty((0, 2))
        return tuple(self.goal_instance(goal, f"{split}/{i}") for i, goal in enumerate(goals))

    def goal_instance(self, position: Array, instance_id: str) -> Instance:
        """Make the instance with its goal at a position (2,)."""
        return Instance(self.name, instance_id, position)

    def draw_instance(self, like: Instance, rng: np.random.Generator, instance_id: str) -> Instance:
        """Draw a goal near another's."""
        return self.goal_instance(like.parameters + 0.3 * rng.standard_normal(2), instance_id)

    def observe(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """State and goal."""
        goal = np.broadcast_to(instance.parameters, (*states.shape[:-1], 2))
        return np.concatenate([states, goal], axis=-1)

    def cost(
        self,
        states: Array,
        actions: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """½ (10 distance² + speed² + force² / 10)."""
        error = states[..., :2] - instance.parameters
        cost: Array = 0.5 * (
            10.0 * (error**2).sum(-1) + (states[..., 2:] ** 2).sum(-1) + 0.1 * (actions**2).sum(-1)
        )
        return cost

    def expand_cost(self, states: Array, actions: Array, instance: Instance) -> CostExpansion:
        """Exact, as the cost is quadratic."""
        goal, shape = instance.parameters, states.shape[:-1]
        hessian = np.diag([10.0, 10.0, 1.0, 1.0, 0.1, 0.1])
        gradient = np.concatenate([-10.0 * goal, np.zeros(4)])
        return CostExpansion(
            np.broadcast_to(hessian, (*shape, 6, 6)),
            np.broadcast_to(gradient, (*shape, 6)),
            np.full(shape, 5.0 * goal @ goal),
        )

    def distance(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Distance from the goal."""
        distance: Array = np.linalg.norm(states[..., :2] - instance.parameters, axis=-1)
        return distance

    def dynamics(self) -> LinearDynamics:
        """Return the true dynamics."""
        dt, eye, zero = self.control_period, np.eye(2), np.zeros((2, 2))
        F = np.block([[eye, dt * eye, zero], [zero, eye, dt * eye]])
        return LinearDynamics(
            np.tile(F, (self.horizon, 1, 1)),
            np.zeros((self.horizon, 4)),
            np.tile(self.disturbance**2 * np.eye(4), (self.horizon, 1, 1)),
            np.concatenate([self.start_joint_angles, np.zeros(2)]),
            self.disturbance**2 * np.eye(4),
        )

    def least_cost(self, instance: Instance) -> float:
        """Expected cost of the best policy that does not explore."""
        dynamics = self.dynamics()
        cost = self.expand_cost(np.zeros((self.horizon, 4)), np.zeros((1, 2)), instance)
        best = backward_pass(dynamics, cost, np.full(self.horizon, 1e-9)).policy
        return float(expected_cost(cost, forward_pass(dynamics, best)).sum())

    def roll_out(
        self, instance: Instance, policy: LinearGaussianPolicy | GlobalPolicy, seed: int
    ) -> Trajectory:
        """One rollout, which depends on the seed alone."""
        rng = np.random.default_rng(seed)
        dynamics = self.dynamics()
        noise = rng.standard_normal((self.horizon, 2))
        states = [dynamics.initial_mean + self.disturbance * rng.standard_normal(4)]
        actions = []
        for t in range(self.horizon):
            if isinstance(policy, GlobalPolicy):
                actions.append(policy.act(self.observe(states[t], instance), noise[t]))
            else:
                actions.append(policy.act(t, states[t], noise[t]))
            disturbance = self.disturbance * rng.standard_normal(4)
            states.append(dynamics.F[t] @ np.append(states[t], actions[t]) + disturbance)
        x, u = np.array(states), np.array(actions)
        return Trajectory(
            instance=instance,
            states=x,
            observations=self.observe(x[:-1], instance),
            actions_sampled=u,
            actions_applied=u,
            log_probabilities=policy.log_probability(
                self.observe(x[:-1], instance) if isinstance(policy, GlobalPolicy) else x[:-1], u
            ),
            policy_version=policy.version if isinstance(policy, GlobalPolicy) else PolicyVersion(),
            stamps=self.control_period * np.arange(self.horizon + 1),
            lateness=np.zeros(self.horizon),
            seed=seed,
        )


TASK = PointMass()
INSTANCES = TASK.instances("training")


def global_policy(seed: int, version: int = 1) -> GlobalPolicy:
    """A random network for the task."""
    architecture = Architecture(TASK.dim_o, TASK.dim_u, hidden=(8,))
    values = initial_values(architecture, np.random.default_rng(seed))
    return GlobalPolicy(
        architecture, *TASK.observation_scaling, 2 * values, PolicyVersion(1, version)
    )
