"""A stand-in arm, its gate and its controller as processes, and what the arm is sent, watched."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from arm_stand_in import COMMAND_NAMES
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from stack_process import wait_for
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import SetBool, Trigger

from adgps_bringup.processes import environment
from adgps_bringup.resources import executable
from adgps_bringup.ros_node import RosNode, watch_diagnostics
from adgps_core.conversions import messages
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import make_task
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.msg import JointEffortCommand
from adgps_sim.world import JOINT_NAMES, URDF

TASK = make_task("reach")
PATIENCE = 30.0
ANSWER_PERIOD = 3.0
STAND_IN = Path(__file__).parent / "arm_stand_in.py"
DAMPING = np.array([2.0] * 4 + [0.2] * 3)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ORDER = [JOINT_NAMES.index(name) for name in COMMAND_NAMES]

GATE: dict[str, Any] = {"output_joint_names": list(COMMAND_NAMES)}
CONTROLLER: dict[str, Any] = {
    "urdf": str(URDF),
    "lock_step": False,
    "autostart": True,
    # How late ticks are on a busy machine is not what is tested here.
    "lateness_budget": 1.0,
    "state_timeout": 1.0,
}


def start(program: Sequence[str], namespace: str, arm: str, **parameters: Any) -> Any:
    """Start a node of a robot, with the topics of its arm's driver."""
    rules = [
        f"__ns:={namespace}",
        f"joint_states:={arm}/joint_states",
        f"effort_controller/commands:={arm}/effort_controller/commands",
    ]
    flags = [x for rule in rules for x in ("-r", rule)]
    flags += [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
    return subprocess.Popen([*program, "--ros-args", *flags], env={**os.environ, **environment()})


def stop(processes: Iterable[Any]) -> None:
    """Stop processes, whatever it takes."""
    each = list(processes)
    for process in each:
        process.terminate()
    for process in each:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class TorquePath:
    """The processes of one robot; a context manager.

    Parameters
    ----------
    number : makes the names of this robot and of its arm unique in the domain.
    """

    def __init__(self, number: int) -> None:
        self.namespace, self.arm = f"/robot_{number}", f"/arm_{number}"
        self._processes: dict[str, Any] = {}
        self.angles = np.zeros(7)
        self._lock = threading.Lock()
        self.sent: deque[tuple[float, np.ndarray]] = deque(maxlen=5000)
        self.states: deque[tuple[float, np.ndarray]] = deque(maxlen=5000)
        self.stamp: Any = None
        self.reports: dict[str, dict[str, str]] = {}
        self._sequence = 0
        os.environ.update(environment())
        self._ros = RosNode(f"watcher_{number}", int(os.environ["ROS_DOMAIN_ID"]))
        node = self._ros.node
        watch_diagnostics(node, lambda name, values: self.reports.update({name: values}))
        node.create_subscription(
            JointState, f"{self.arm}/joint_states", self._on_state, qos_profile_sensor_data
        )
        node.create_subscription(
            Float64MultiArray, f"{self.arm}/effort_controller/commands", self._on_sent, 100
        )
        self._commands = node.create_publisher(
            JointEffortCommand, f"{self.namespace}/joint_effort_command", 1
        )
        self._e_stop = node.create_publisher(Bool, "/e_stop", LATCHED)
        self._rollouts = ActionClient(node, ExecuteRollout, f"{self.namespace}/execute_rollout")

    def __enter__(self) -> TorquePath:
        """Start arm and gate."""
        self._processes["arm"] = start([sys.executable, str(STAND_IN)], self.arm, self.arm)
        self.launch("torque_gate", **GATE)
        wait_for(lambda: self.sent and self.states, "arm and gate", PATIENCE)
        self.report("torque_gate", "sending", "safe hold")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._rollouts.destroy()
        self._ros.__exit__(None, None, None)
        stop(self._processes.values())

    def launch(self, name: str, **parameters: Any) -> None:
        """Start one of the robot's nodes."""
        program = [str(executable("adgps_robot", name))]
        self._processes[name] = start(program, self.namespace, self.arm, **parameters)

    def kill(self, name: str) -> float:
        """Kill -9; when."""
        process = self._processes.pop(name)
        process.kill()
        at = time.monotonic()
        process.wait()
        return at

    def end(self, name: str) -> None:
        """Ask a node to end, and wait until it has."""
        stop([self._processes.pop(name)])

    def _on_state(self, message: JointState) -> None:
        velocities = dict(zip(message.name, message.velocity, strict=True))
        angles = dict(zip(message.name, message.position, strict=True))
        with self._lock:
            self.angles = np.array([angles[name] for name in JOINT_NAMES])
            self.stamp = message.header.stamp
            self.states.append(
                (time.monotonic(), np.array([velocities[name] for name in COMMAND_NAMES]))
            )

    def _on_sent(self, message: Float64MultiArray) -> None:
        with self._lock:
            self.sent.append((time.monotonic(), np.array(message.data)))

    def since(self, begin: float) -> list[tuple[float, np.ndarray]]:
        """What the arm was sent since then: when, and torques in its own order."""
        with self._lock:
            return [item for item in self.sent if item[0] >= begin]

    def is_safe(self, at: float, torques: np.ndarray) -> bool:
        """Whether torques are none, or the damping of a velocity measured about then."""
        with self._lock:
            recent = [v for when, v in self.states if abs(when - at) < 0.3]
        held = [-DAMPING[ORDER] * velocities for velocities in recent]
        return not torques.any() or any(np.abs(torques - each).max() < 0.1 for each in held)

    def unsafe_for(self, begin: float) -> float:
        """How long after begin other torques came [s], on a machine that has time for this.

        The gate sends a hundred times a second: longer gaps than that, in which it or this test had
        to wait for a processor, are no fault of its own and taken off.
        """
        wait_for(lambda: len(self.since(begin)) > 60, "some time")
        sent = self.since(begin)
        times = [begin, *(at for at, _ in sent)]
        others = [at for at, torques in sent if not self.is_safe(at, torques)]
        if not others:
            return 0.0
        gaps = [b - a for a, b in pairwise(times) if b <= others[-1]]
        return others[-1] - begin - sum(max(gap - 0.015, 0.0) for gap in gaps)

    def next_report(self, name: str) -> dict[str, str]:
        """Diagnostics of a node, by its full name, that come from now on."""
        self.reports.pop(name, None)
        report: dict[str, str] = wait_for(lambda: self.reports.get(name), f"{name}", PATIENCE)
        return report

    def report(self, node: str, key: str, wanted: object) -> dict[str, str]:
        """Wait for a value in the diagnostics of a node; all of them."""
        name = f"{self.namespace}/{node}"
        wait_for(
            lambda: self.reports.get(name, {}).get(key) == str(wanted),
            f"{key} = {wanted} in {name}",
            PATIENCE,
        )
        return self.reports[name]

    def state_of(self, node: str) -> str:
        """What a node last said of itself."""
        return self.reports.get(f"{self.namespace}/{node}", {}).get("state", "")

    def call(self, service: str, request: Any = None, kind: Any = Trigger) -> Any:
        """Call a service of the robot, or of the arm if it begins with /.

        A first answer can get lost; all that are called do the same when called again.
        """
        name, client = self._client(service, kind)
        asked: list[tuple[float, Any]] = []

        def answer() -> Any:
            if not asked or time.monotonic() > asked[-1][0] + ANSWER_PERIOD:
                future = client.call_async(kind.Request() if request is None else request)
                asked.append((time.monotonic(), future))
            return next((future.result() for _, future in asked if future.done()), None)

        found = wait_for(answer, f"the answer of {name}", PATIENCE)
        self._ros.node.destroy_client(client)
        return found

    def begin_call(self, service: str, request: Any, kind: Any) -> Any:
        """Call a service that takes its time; the future of its answer."""
        _, client = self._client(service, kind)
        return client.call_async(request)

    def _client(self, service: str, kind: Any) -> tuple[str, Any]:
        """Client of a service that is there."""
        name = service if service.startswith("/") else f"{self.namespace}/{service}"
        client = self._ros.node.create_client(kind, name)
        wait_for(client.service_is_ready, name, PATIENCE)
        return name, client

    def arm_gate(self) -> None:
        """Arm the gate, whatever it was."""
        self.call("torque_gate/clear")
        wait_for(lambda: self.call("torque_gate/arm").success, "an armed gate", PATIENCE)

    def joint_states(self, on: bool) -> float:
        """Plug the arm's encoders in or out; when."""
        self.call(f"{self.arm}/driver/joint_states_on", SetBool.Request(data=on), SetBool)
        return time.monotonic()

    def press(self, pressed: bool) -> None:
        """Press or release the e-stop."""
        self._e_stop.publish(Bool(data=pressed))

    def command(
        self,
        efforts: Sequence[float],
        names: Sequence[str] = JOINT_NAMES,
        stamp: Any = None,
        step: int = 1,
    ) -> None:
        """Send a command as the controller would, answering the newest state."""
        self._sequence += step
        command = JointEffortCommand(name=names, effort=array("d", efforts))
        command.header.stamp = self.stamp if stamp is None else stamp
        command.sequence = self._sequence
        self._commands.publish(command)

    def roll_out(self, policy: LinearGaussianPolicy) -> Any:
        """Begin a rollout; the future of its result."""
        wait_for(self._rollouts.server_is_ready, "the controller", PATIENCE)
        goal = ExecuteRollout.Goal(
            instance=messages.instance_to_msg(TASK.instances("training")[0]),
            horizon=policy.horizon,
            noise_scale=1.0,
            policy=messages.local_policy_to_msg(policy),
        )
        executor = self._ros.node.executor
        sent = executor.create_task(self._rollouts.send_goal_async, goal)
        wait_for(lambda: sent.done() and sent.result().done(), "the goal's answer", PATIENCE)
        handle = sent.result().result()
        asked = executor.create_task(handle.get_result_async)
        wait_for(asked.done, "the request", PATIENCE)
        return asked.result()
