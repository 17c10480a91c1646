"""The command line's own ROS node: it hears diagnostics and asks for checkpoints."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from adgps_core.conversions.messages import global_policy_from_msg
from adgps_core.global_policy import GlobalPolicy
from adgps_msgs.msg import PolicyParameters

POLICIES = "/param_server/policy_parameters"
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
DiagnosticsCallback = Callable[[str, dict[str, str]], None]


class RosNode:
    """A node and its executor on a thread of its own; a context manager.

    ROS installs no signal handlers: the command line has its own.

    Parameters
    ----------
    name : of the node.
    domain_id : ROS domain.
    """

    def __init__(self, name: str, domain_id: int) -> None:
        """Start the node."""
        self._context = Context()
        rclpy.init(
            args=["--ros-args", "--disable-external-lib-logs"],
            context=self._context,
            domain_id=domain_id,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = Node(name, context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="executor", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        """Serve callbacks until the end."""
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def __enter__(self) -> RosNode:
        """Hand out the node."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the domain."""
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(timeout=1.0)
        self.node.destroy_node()
        self._context.try_shutdown()


def watch_diagnostics(node: Node, heard: DiagnosticsCallback) -> None:
    """Call heard(name, values) for every diagnostic status, on the executor's thread."""

    def on_message(message: DiagnosticArray) -> None:
        for status in message.status:
            heard(status.name, {pair.key: pair.value for pair in status.values})

    node.create_subscription(DiagnosticArray, "/diagnostics", on_message, 100)


def watch_policies(node: Node, heard: Callable[[GlobalPolicy], None]) -> None:
    """Call heard(policy) for every policy that robots are to run, on the executor's thread."""

    def on_message(message: PolicyParameters) -> None:
        try:
            policy = global_policy_from_msg(message)
        except ValueError:
            return  # controllers refuse it, and say so
        heard(policy)

    node.create_subscription(PolicyParameters, POLICIES, on_message, LATCHED)


def request_checkpoint(node: Node, patience: float) -> Future[str]:
    """Ask the parameter server for a checkpoint; the result is the version that was saved.

    The future fails with RuntimeError if the server could not write one, or if its service does
    not appear within patience [s].
    """
    result: Future[str] = Future()
    client = node.create_client(Trigger, "/param_server/checkpoint")

    def on_answer(answer: Any) -> None:
        response = answer.result()
        if response is not None and response.success:
            result.set_result(response.message.rpartition(" ")[2])
        else:
            result.set_exception(RuntimeError(response.message if response else "no answer"))

    if client.wait_for_service(timeout_sec=patience):
        client.call_async(Trigger.Request()).add_done_callback(on_answer)
    else:
        result.set_exception(RuntimeError("the parameter server is away"))
    return result
