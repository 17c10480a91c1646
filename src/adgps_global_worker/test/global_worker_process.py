"""A global worker in a process of its own, a small parameter server, and a local worker's topic."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from synthetic import TASK

from adgps_core.conversions.arrays import to_numpy
from adgps_core.conversions.messages import (
    global_policy_to_msg,
    optimized_trajectories_to_msg,
    stamp_from_ns,
    version_from_msg,
    version_to_msg,
)
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.optimized import OptimizedTrajectories
from adgps_global_worker.exchange import ReplyCode
from adgps_msgs.msg import OptimizedTrajectories as Message
from adgps_msgs.srv import PushGradient

PATIENCE = 60.0


def latched(depth: int) -> QoSProfile:
    """What a topic keeps for those who come late."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def message_of(optimized: OptimizedTrajectories) -> Message:
    """Message as a local worker publishes it."""
    return optimized_trajectories_to_msg(optimized, stamp_from_ns(time.time_ns()))


class WorkerProcess:
    """The executable `global_worker`, its output kept in a file."""

    def __init__(self, namespace: str, log: Path, **parameters: Any) -> None:
        assignments = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "adgps_global_worker.nodes.global_worker"),
                    *("--ros-args", "-r", f"__ns:={namespace}", *assignments),
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


class Surroundings:
    """What a global worker deals with: a parameter server of plain SGD, and a local worker.

    Parameters
    ----------
    namespace : of the worker.
    """

    def __init__(self, namespace: str) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node(
            "surroundings", namespace=namespace, context=self._context, enable_rosout=False
        )
        self._name = f"{namespace}/global_worker"
        architecture = Architecture(TASK.dim_o, TASK.dim_u, (8,))
        values = initial_values(architecture, np.random.default_rng(0))
        scaling = TASK.observation_scaling
        self.policy = GlobalPolicy(architecture, *scaling, values, PolicyVersion(1, 0))
        self.updates = 0
        self.told: list[PolicyVersion] = []
        self.diagnostics: dict[str, str] = {}
        self.message = ""
        self._service: Any = None
        self._publisher = self._node.create_publisher(
            Message, "optimized_trajectories", latched(20)
        )
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def serve(self) -> None:
        """Begin to answer pushes."""
        name = "/param_server/push_gradient"
        self._service = self._node.create_service(PushGradient, name, self._on_push)
        self._executor.wake()

    def publish(self, message: Message) -> None:
        """Publish trajectories as the local worker does."""
        self._publisher.publish(message)

    def until(self, condition: Callable[[], Any], what: str, worker: WorkerProcess) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            log = worker.log.read_text()
            assert worker.process.poll() is None, f"the worker has ended: {log}"
            said = f"{self.diagnostics}\n{log}"
            assert time.monotonic() < end, f"waited in vain for {what}: {said}"
            time.sleep(0.02)

    def await_report(self, worker: WorkerProcess, **values: object) -> dict[str, str]:
        """Await diagnostics in which keys have these values; return them."""
        expected = {key: str(value) for key, value in values.items()}
        self.until(lambda: expected.items() <= self.diagnostics.items(), str(expected), worker)
        return self.diagnostics

    def _on_push(
        self, request: PushGradient.Request, response: PushGradient.Response
    ) -> PushGradient.Response:
        gradient = to_numpy(request.gradient, (len(request.gradient),), "gradient", np.float32)
        version = self.policy.version
        if request.version.epoch != version.epoch:
            self.told.append(version_from_msg(request.version))
        if not len(gradient):
            response.error_code = int(ReplyCode.PULL_ONLY)
        elif request.version.epoch != version.epoch:
            response.error_code = int(ReplyCode.OTHER_EPOCH)
            response.error_msg = f"this is epoch {version.epoch}"
        else:
            assert np.isfinite(gradient).all() and gradient.shape == self.policy.values.shape
            response.error_code = int(ReplyCode.APPLIED)
            response.staleness = version.counter - version_from_msg(request.version).counter
            self.updates += 1
            self.policy = replace(
                self.policy,
                values=self.policy.values - 1e-4 * gradient,
                version=PolicyVersion(version.epoch, version.counter + 1),
            )
        response.version = version_to_msg(self.policy.version)
        response.parameters = global_policy_to_msg(self.policy)
        return response

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._name:
                self.diagnostics = {pair.key: pair.value for pair in status.values}
                self.message = status.message
