"""A robot of numbers with ROS's face, and a client, all spun by the test itself."""

import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from controller_bench import INSTANCE, NAMES, TASK, URDF, hold_policy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from adgps_core.conversions import messages
from adgps_core.trajectory import Trajectory
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.msg import JointEffortCommand
from adgps_robot.nodes.torque_controller import TorqueController

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PERIOD_NS = 50_000_000
PATIENCE = 20.0
SIMULATED = {
    "urdf": str(URDF),
    "autostart": True,
    "arm_on_activate": True,
    "start_timeout": 5.0,
    "policy_timeout": 1.0,
    "state_timeout": 1.0,
}


class FakeRobot(Node):
    """Seven unit inertias in lock-step; may fall silent after some ticks."""

    def __init__(self) -> None:
        super().__init__("fake_robot")
        self.commands: list[int] = []
        self.silent_after: int | None = None
        self._stamp_ns = 1_000_000_000
        self._angles = TASK.start_joint_angles.copy()
        self._velocities = np.zeros(7)
        self._states = self.create_publisher(JointState, "joint_states", LATCHED)
        self.create_subscription(JointEffortCommand, "joint_effort_command", self._on_command, 1)
        self.publish()

    def publish(self) -> None:
        """Publish the state."""
        state = JointState(name=NAMES)
        state.header.stamp = messages.stamp_from_ns(self._stamp_ns)
        state.position = array("d", self._angles.tobytes())
        state.velocity = array("d", self._velocities.tobytes())
        self._states.publish(state)

    def _on_command(self, message: JointEffortCommand) -> None:
        stamp_ns = messages.ns_from_stamp(message.header.stamp)
        self.commands.append(stamp_ns)
        if stamp_ns != self._stamp_ns or len(self.commands) == self.silent_after:
            return
        torques = np.array(message.effort)
        self._velocities = self._velocities + 0.05 * (torques - self._velocities)
        self._angles = self._angles + 0.05 * self._velocities
        self._stamp_ns += PERIOD_NS
        self.publish()


class Stage:
    """Robot, controller and client in one executor, spun while the test waits."""

    def __init__(self, **parameters: Any) -> None:
        self.executor = SingleThreadedExecutor()
        self.robot = FakeRobot()
        self.controller = TorqueController({**SIMULATED, **parameters})
        self.client = Node("client")
        self.feedback: list[int] = []
        self._rollouts = ActionClient(self.client, ExecuteRollout, "execute_rollout")
        self._e_stop = self.client.create_publisher(Bool, "/e_stop", LATCHED)
        for node in (self.robot, self.controller, self.client):
            self.executor.add_node(node)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def result_of(self, future: Any, what: str) -> Any:
        """Spin until a future is done."""
        self.until(future.done, what)
        return future.result()

    def send(self, horizon: int = 5, **fields: Any) -> Any:
        """Send a goal, the PD hold where nothing else is said; return its handle."""
        self.until(self._rollouts.server_is_ready, "the action server")
        goal = ExecuteRollout.Goal(
            instance=messages.instance_to_msg(INSTANCE),
            horizon=horizon,
            noise_scale=1.0,
            policy=messages.local_policy_to_msg(hold_policy(max(horizon, 1))),
        )
        for name, value in fields.items():
            setattr(goal, name, value)
        future = self._rollouts.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback.step)
        )
        return self.result_of(future, "the goal's answer")

    def rollout(self, horizon: int = 5, **fields: Any) -> ExecuteRollout.Result:
        """Run a rollout to its end."""
        return self.finish(self.send(horizon, **fields))

    def finish(self, handle: Any) -> ExecuteRollout.Result:
        """Await the result of a goal."""
        return self.result_of(handle.get_result_async(), "the rollout's result").result

    def call(self, service: str) -> Trigger.Response:
        """Call one of the controller's triggers."""
        client = self.client.create_client(Trigger, f"torque_controller/{service}")
        self.until(client.service_is_ready, service)
        return self.result_of(client.call_async(Trigger.Request()), service)

    def press(self, pressed: bool) -> None:
        """Press or release the e-stop, and wait until the controller knows."""
        self._e_stop.publish(Bool(data=pressed))
        safety = self.controller.controller.safety
        self.until(lambda: safety.e_stop_pressed is pressed, "the e-stop")

    def close(self) -> None:
        """Take everything down."""
        self.executor.shutdown()
        self._rollouts.destroy()
        for node in (self.client, self.controller, self.robot):
            node.destroy_node()


def trajectory_of(result: ExecuteRollout.Result) -> Trajectory:
    """Trajectory of a successful rollout."""
    assert result.error_code == ExecuteRollout.Result.SUCCESS, result.error_msg
    return messages.trajectory_from_msg(result.trajectory)
