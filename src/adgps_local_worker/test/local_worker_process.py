"""A local worker in a process of its own, and everybody it talks to in this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from adgps_core.conversions.messages import (
    global_policy_to_msg,
    instance_from_msg,
    local_policy_from_msg,
    optimized_trajectories_from_msg,
    trajectory_to_msg,
)
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance, make_task
from adgps_core.trajectory import Trajectory
from adgps_msgs import msg
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

PATIENCE = 30.0
TASK = make_task("reach")


def _latched(depth: int = 1) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


class LocalWorkerProcess:
    """The executable `local_worker` of /robot_1, its output kept in a file."""

    def __init__(self, log: Path, **parameters: Any) -> None:
        assignments = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "adgps_local_worker.nodes.local_worker"),
                    *("--ros-args", "-r", "__ns:=/robot_1", *assignments),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def roll_out(
    instance: Instance, policy: LinearGaussianPolicy | GlobalPolicy, seed: int
) -> Trajectory:
    """Roll out on joints that are masses with dampers, and points that move linearly with them."""
    rng = np.random.default_rng(seed)
    jacobian = np.random.default_rng(0).standard_normal((9, 7)) / 5
    start = TASK.start_joint_angles
    angles, velocities = start + 0.01 * rng.standard_normal(7), np.zeros(7)
    states, actions = [], []
    for t in range(TASK.horizon + 1):
        points = 0.3 + jacobian @ (angles - start)
        states.append(np.concatenate([angles, velocities, points, jacobian @ velocities]))
        if t < TASK.horizon:
            noise = rng.standard_normal(7)
            if isinstance(policy, GlobalPolicy):
                actions.append(policy.act(TASK.observe(states[t], instance), noise))
            else:
                actions.append(policy.act(t, states[t], noise))
            velocities = velocities + 0.05 * (actions[t] - velocities)
            angles = angles + 0.05 * velocities
    x, u = np.array(states), np.array(actions)
    seen = TASK.observe(x[:-1], instance)
    by_global = isinstance(policy, GlobalPolicy)
    return Trajectory(
        instance=instance,
        states=x,
        observations=seen,
        actions_sampled=u,
        actions_applied=u,
        log_probabilities=policy.log_probability(seen if by_global else x[:-1], u),
        policy_version=policy.version if by_global else PolicyVersion(),
        stamps=TASK.control_period * np.arange(TASK.horizon + 1),
        lateness=np.zeros(TASK.horizon),
        seed=seed,
    )


def global_policy(counter: int) -> GlobalPolicy:
    """Version 1.counter of a policy that is always the same."""
    architecture = Architecture(TASK.dim_o, TASK.dim_u, hidden=(8,))
    values = initial_values(architecture, np.random.default_rng(0))
    return GlobalPolicy(architecture, *TASK.observation_scaling, values, PolicyVersion(1, counter))


class Stage:
    """A scripted robot, a parameter server's topic and a replay memory, spun in a thread.

    Attributes
    ----------
    resets : answers to the next resets, (error code, reason); when they are used up: success.
    failures : results of the next rollouts, in the same way.
    delay : of each rollout [s].
    asked : what the robot was asked for, in order.
    requests, goals : the same, whole.
    published, diagnostics : what the worker published, and last said of itself.
    """

    def __init__(self) -> None:
        self.resets: list[tuple[int, str]] = []
        self.failures: list[tuple[int, str]] = []
        self.delay = 0.0
        self.asked: list[str] = []
        self.requests: list[ResetInstance.Request] = []
        self.goals: list[ExecuteRollout.Goal] = []
        self.published: list[OptimizedTrajectories] = []
        self.diagnostics: dict[str, str] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("stage", namespace="/robot_1", context=self._context)
        self._policies = self._node.create_publisher(
            msg.PolicyParameters, "/param_server/policy_parameters", _latched()
        )
        self._status = self._node.create_publisher(msg.ReplayStatus, "replay_status", _latched())
        self._node.create_subscription(
            msg.OptimizedTrajectories, "optimized_trajectories", self._on_optimized, _latched(50)
        )
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._actions: list[ActionServer] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def close(self) -> None:
        """Leave the graph; a node does not take its actions with it."""
        self._closing.set()
        self._thread.join()
        for action in self._actions:
            action.destroy()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def add_robot(self) -> None:
        """Offer the robot's service and action."""
        self._node.create_service(ResetInstance, "reset_instance", self._on_reset)
        self._actions.append(
            ActionServer(self._node, ExecuteRollout, "execute_rollout", self._on_rollout)
        )

    def publish_policy(self, counter: int) -> None:
        """Publish a global policy after that many updates."""
        self._policies.publish(global_policy_to_msg(global_policy(counter)))

    def publish_status(self, **counts: int) -> None:
        """Publish how far a global worker has come."""
        self._status.publish(msg.ReplayStatus(**counts))

    def wait_until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Wait for a condition; whether it came to hold."""
        end = time.monotonic() + patience
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        return condition()

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def _on_reset(
        self, request: ResetInstance.Request, response: ResetInstance.Response
    ) -> ResetInstance.Response:
        self.asked.append(f"reset {request.instance.id}")
        self.requests.append(request)
        if self.resets:
            response.error_code, response.error_msg = self.resets.pop(0)
        return response

    def _on_rollout(self, handle: ServerGoalHandle) -> ExecuteRollout.Result:
        goal = handle.request
        self.asked.append(f"rollout {goal.instance.id}")
        self.goals.append(goal)
        self._closing.wait(self.delay)
        handle.succeed()
        if self.failures:
            code, reason = self.failures.pop(0)
            return ExecuteRollout.Result(error_code=code, error_msg=reason)
        policy = (
            global_policy(goal.minimum_version.counter)
            if goal.use_global_policy
            else local_policy_from_msg(goal.policy)
        )
        trajectory = roll_out(instance_from_msg(goal.instance), policy, goal.seed)
        return ExecuteRollout.Result(trajectory=trajectory_to_msg(trajectory))

    def _on_optimized(self, message: msg.OptimizedTrajectories) -> None:
        self.published.append(optimized_trajectories_from_msg(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "/robot_1/local_worker":
                self.diagnostics = {item.key: item.value for item in status.values}
