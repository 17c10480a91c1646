"""A simulated robot in a process of its own, and a client that drives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from adgps_core.conversions import messages
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Task, make_task
from adgps_core.trajectory import Trajectory
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

TASK = make_task("reach")
PATIENCE = 90.0
ANSWER_PATIENCE = 5.0


def hold_policy(horizon: int, task: Task = TASK) -> LinearGaussianPolicy:
    """A joint-space PD hold of the start pose with exploration, written as a local policy."""
    stiffness = np.array([20.0, 20.0, 20.0, 20.0, 3.0, 3.0, 2.0])
    damping = np.array([5.0, 5.0, 4.0, 4.0, 0.0, 0.0, 0.0])
    noise = np.array([3.0, 3.0, 2.0, 2.0, 0.5, 0.5, 0.5])
    gain = np.zeros((7, task.dim_x))
    gain[:, 0:7], gain[:, 7:14] = -np.diag(stiffness), -np.diag(damping)
    return LinearGaussianPolicy(
        K=np.tile(gain, (horizon, 1, 1)),
        k=np.tile(stiffness * task.start_joint_angles, (horizon, 1)),
        C=np.tile(np.diag(noise**2), (horizon, 1, 1)),
    )


class RobotProcess:
    """The executable `simulated_robot`, as the supervisor starts it."""

    def __init__(self, namespace: str, **parameters: Any) -> None:
        settings = {"use_sim_time": True, **parameters}
        assignments = [x for item in settings.items() for x in ("-p", "{}:={}".format(*item))]
        remappings = ["-r", f"__ns:={namespace}", "-r", "/clock:=clock"]
        program = [sys.executable, "-m", "adgps_bringup.simulated_robot"]
        self.process = subprocess.Popen(
            [*program, "--ros-args", *remappings, *assignments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            text=True,
        )

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return exit status and output."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            output, _ = self.process.communicate(timeout=10)  # closes the pipe too
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
            raise AssertionError(f"it did not stop within 10 s: {output}") from None
        return self.process.returncode, output


class Client:
    """What a local worker does to a robot."""

    def __init__(self, namespace: str, robot: RobotProcess, task: Task = TASK) -> None:
        self._task = task
        self.node = Node("client", namespace=namespace)
        self._robot = robot
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.reports: dict[str, dict[str, str]] = {}
        self.resets_asked = 0
        self._rollouts = ActionClient(self.node, ExecuteRollout, "execute_rollout")
        self._resets = self.node.create_client(ResetInstance, "reset_instance")
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.reports[status.name] = {pair.key: pair.value for pair in status.values}

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            process = self._robot.process
            assert process.poll() is None, f"the robot has ended: {process.communicate()[0]}"
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def result_of(self, future: Any, what: str) -> Any:
        """Spin until a future is done."""
        self.until(future.done, what)
        return future.result()

    def send(self, horizon: int, seed: int) -> Any:
        """Reset, and ask for a rollout of the hold policy from there; return its handle."""
        self.until(
            lambda: self._resets.service_is_ready() and self._rollouts.server_is_ready(),
            "the robot",
        )
        instance = messages.instance_to_msg(self._task.instances("training")[0])
        request = ResetInstance.Request(instance=instance, seed=seed, perturbation=0.01)
        reset = self._reset(request)
        goal = ExecuteRollout.Goal(
            instance=instance,
            horizon=horizon,
            seed=seed,
            noise_scale=1.0,
            policy=messages.local_policy_to_msg(hold_policy(horizon, self._task)),
            start_after=reset.stamp,
        )
        return self.result_of(self._rollouts.send_goal_async(goal), "the goal's answer")

    def _reset(self, request: ResetInstance.Request) -> ResetInstance.Response:
        """Reset; asked again if there is no answer: the first may be lost until both ends match."""

        def ask() -> tuple[Any, float]:
            self.resets_asked += 1
            return self._resets.call_async(request), time.monotonic()

        answer, asked = ask()

        def answered() -> bool:
            nonlocal answer, asked
            if not answer.done() and time.monotonic() > asked + ANSWER_PATIENCE:
                self._resets.remove_pending_request(answer)
                answer, asked = ask()
            return bool(answer.done())

        self.until(answered, "the reset")
        response: ResetInstance.Response = answer.result()
        return response

    def finish(self, handle: Any) -> ExecuteRollout.Result:
        """Await a rollout's result."""
        return self.result_of(handle.get_result_async(), "the result").result

    def rollout(self, horizon: int, seed: int) -> Trajectory:
        """Reset and run a rollout to its end."""
        result = self.finish(self.send(horizon, seed))
        assert result.error_code == ExecuteRollout.Result.SUCCESS, result.error_msg
        return messages.trajectory_from_msg(result.trajectory)

    def report_of(self, node: str, key: str, value: str) -> dict[str, str]:
        """Await the diagnostics of a node in which a key has a value; return them."""
        name = f"{self.node.get_namespace()}/{node}"
        self.until(lambda: self.reports.get(name, {}).get(key) == value, f"{key} {value}")
        return self.reports[name]

    def close(self) -> None:
        """Take it down."""
        self.executor.shutdown()
        self._rollouts.destroy()
        self.node.destroy_node()
