"""A parameter server in a process of its own, and a client that talks to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from adgps_core.global_policy import PolicyVersion
from adgps_msgs.msg import PolicyParameters
from adgps_msgs.msg import PolicyVersion as VersionMessage
from adgps_msgs.srv import PushGradient

PATIENCE = 30.0
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class ServerProcess:
    """The executable `param_server`, its output kept in a file."""

    def __init__(self, folder: Path | None, log: Path, **parameters: Any) -> None:
        settings = {"hidden": "[8]", **parameters}
        if folder is not None:
            settings["checkpoint_dir"] = folder
        assignments = [x for item in settings.items() for x in ("-p", "{}:={}".format(*item))]
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "adgps_param_server.nodes.param_server"),
                    *("--ros-args", *assignments),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class ServerClient:
    """Talks to the server from this process."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("test_client", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._push = self.node.create_client(PushGradient, "/param_server/push_gradient")
        self._checkpoint = self.node.create_client(Trigger, "/param_server/checkpoint")
        self.policies: list[PolicyParameters] = []
        self.diagnostics: dict[str, str] = {}
        self.node.create_subscription(
            PolicyParameters, "/param_server/policy_parameters", self.policies.append, LATCHED
        )
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def close(self) -> None:
        """Leave the graph."""
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def wait_for_server(self) -> None:
        """Wait until a server answers; requests to one that died are repeated."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.push(patience=0.5) is not None:
                return
        raise TimeoutError("no parameter server answers")

    def push(
        self,
        sequence: int = 0,
        version: PolicyVersion | None = None,
        gradient: array[float] | None = None,
        *,
        patience: float = PATIENCE,
        **fields: Any,
    ) -> PushGradient.Response | None:
        """Push, or pull without a gradient; None if no answer came."""
        version = version or PolicyVersion()
        request = PushGradient.Request(
            worker="tester",
            start_id=1,
            sequence=sequence,
            version=VersionMessage(epoch=version.epoch, counter=version.counter),
            gradient=gradient or array("f"),
            want_parameters=True,
            loss=1.0,
        )
        for name, value in fields.items():
            setattr(request, name, value)
        return self._call(self._push, request, patience)

    def checkpoint(self) -> Trigger.Response:
        """Ask for a checkpoint now."""
        response = self._call(self._checkpoint, Trigger.Request(), PATIENCE)
        assert response is not None
        return response

    def spin_until(self, condition: Any, patience: float = PATIENCE) -> bool:
        """Handle what arrives until the condition holds; whether it does."""
        end = time.monotonic() + patience
        while not condition() and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        return bool(condition())

    def _call(self, client: Any, request: Any, patience: float) -> Any:
        future = client.call_async(request)
        if not self.spin_until(future.done, patience):
            client.remove_pending_request(future)
            return None
        return future.result()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "/param_server":
                self.diagnostics = {item.key: item.value for item in status.values}
