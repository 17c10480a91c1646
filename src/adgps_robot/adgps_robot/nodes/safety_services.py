"""The e-stop topic, and the services with which people arm, trip and clear one node of a robot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from adgps_robot.safety import Safety, SafetyError

E_STOP_QOS = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class Guarded(Protocol):
    """What can be armed and tripped: the controller, the gate."""

    safety: Safety

    def arm(self) -> None:
        """Arm; SafetyError with the reason if that cannot be now."""

    def trip(self, reason: str) -> None:
        """Let go of the arm, latched."""

    def on_e_stop(self, pressed: bool) -> None:
        """Take a message of the e-stop topic."""


class SafetyServices:
    """Serves `~/arm`, `~/trip` and `~/clear`, and listens to `/e_stop`.

    Parameters
    ----------
    node : the node that serves them.
    guarded : whose safety state they change.
    """

    def __init__(self, node: Node, guarded: Guarded) -> None:
        self._node = node
        self._guarded = guarded
        self._e_stop = node.create_subscription(Bool, "/e_stop", self._on_e_stop, E_STOP_QOS)
        self._services = [
            node.create_service(Trigger, "~/arm", self._on_arm),
            node.create_service(Trigger, "~/trip", self._on_trip),
            node.create_service(Trigger, "~/clear", self._on_clear),
        ]

    def destroy(self) -> None:
        """Stop serving and listening."""
        self._node.destroy_subscription(self._e_stop)
        for service in self._services:
            self._node.destroy_service(service)

    def arm(self) -> str:
        """Arm; return why not, "" if done."""
        return self._try(self._guarded.arm)

    def _on_e_stop(self, message: Bool) -> None:
        self._guarded.on_e_stop(message.data)

    def _on_arm(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answer(response, self.arm())

    def _on_trip(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._guarded.trip("service ~/trip")
        return _answer(response, "")

    def _on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answer(response, self._try(self._guarded.safety.clear))

    def _try(self, change: Callable[[], None]) -> str:
        """Change the safety state; return why not, "" if done."""
        try:
            change()
        except SafetyError as error:
            self._node.get_logger().warning(str(error))
            return str(error)
        return ""


def _answer(response: Trigger.Response, problem: str) -> Trigger.Response:
    response.success, response.message = not problem, problem
    return response
