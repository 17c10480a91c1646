"""The parameter server: gradients in, the newest global policy out."""

from __future__ import annotations

import sys
import time
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import (
    global_policy_to_msg,
)
from adgps_core.global_policy import PolicyVersion
from adgps_core.signals import StopSignals
from adgps_core.tally import Tally, counts_text
from adgps_msgs.msg import PolicyParameters
from adgps_param_server.nodes.executors import quick_executor
from adgps_param_server.nodes.parameters import (
    checkpoint_folder,
    configuration,
    declare,
    fresh_state,
    value,
)
from adgps_param_server.nodes.push_service import PushService
from adgps_param_server.pushes import PushCode
from adgps_param_server.resume import starting_state
from adgps_param_server.server import ParameterServer

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
DIAGNOSTICS_PERIOD = 1.0
SIGNAL_PERIOD = 0.1


class ParamServer(Node):
    """See the package's README."""

    def __init__(self) -> None:
        super().__init__("param_server")
        declare(self)
        self._folder = checkpoint_folder(self)
        log = self.get_logger().warning
        state = starting_state(fresh_state(self), self._folder, value(self, "resume"), log)
        bound = value(self, "max_staleness")
        self._server = ParameterServer(
            state, None if bound < 0 else bound, value(self, "averaging")
        )
        self._writer = ThreadPoolExecutor(1, "checkpoint")  # the disk must not delay gradients
        self._writing: Future[PolicyVersion] | None = None
        self._saved = PolicyVersion()
        self._saved_at = time.monotonic()
        self._problem = ""
        self._save().result()  # an epoch begins on disk before it begins for workers
        self._published = PolicyVersion()
        self._sent = 0

        self._policies = self.create_publisher(PolicyParameters, "~/policy_parameters", LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._pushes = PushService(self, self._server)
        self._times = {**self._pushes.times, "publish": Tally()}
        self.create_service(Trigger, "~/checkpoint", self._on_checkpoint)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period, callback in (
            (value(self, "publish_period"), self._publish),
            (value(self, "checkpoint_period"), self._on_checkpoint_timer),
            (DIAGNOSTICS_PERIOD, self._publish_diagnostics),
        ):
            self.create_timer(period, callback, clock=steady)
        self._publish()
        self.get_logger().info(f"serving version {self._server.policy.version}")

    def close(self) -> None:
        """Write the last checkpoint."""
        try:
            self._save().result()
        except OSError as error:
            self.get_logger().error(f"the last checkpoint was not written: {error}")
        self._writer.shutdown()

    def _on_checkpoint(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Write now and publish now; a caller that asks for it waits for the disk."""
        try:
            version = self._save().result()
            response.success, response.message = True, f"version {version}"
        except OSError as error:
            response.success, response.message = False, f"no checkpoint was written: {error}"
        self._publish()
        return response

    def _on_checkpoint_timer(self) -> None:
        if self._writing is not None and self._writing.done():
            error = self._writing.exception()
            self._problem = f"no checkpoint was written: {error}" if error else ""
            if error:
                self.get_logger().error(self._problem)
        if self._writing is None or self._writing.done():
            self._writing = self._save()

    def _save(self) -> Future[PolicyVersion]:
        """Hand a snapshot to the writing thread; the future holds the version on disk."""
        snapshot, settings = self._server.snapshot(), configuration(self)

        def write() -> PolicyVersion:
            version = snapshot.policy.version
            if self._folder is not None and version != self._saved:
                self._folder.write(snapshot, settings)
            self._saved, self._saved_at = version, time.monotonic()
            return version

        return self._writer.submit(write)

    def _publish(self) -> None:
        if self._server.version != self._published:
            with self._times["publish"].timed():
                self._policies.publish(global_policy_to_msg(self._server.averaged))
            self._published = self._server.version
            self._sent += self._policies.get_subscription_count()

    def _publish_diagnostics(self) -> None:
        self._server.settle()
        self._pushes.prune()
        statistics, version = self._server.statistics, self._server.version
        refusals = {
            f"refused_{code.name.lower()}": statistics.counts[code]
            for code in PushCode
            if code.refused
        }
        values: dict[str, object] = {
            "policy_version": version,
            "updates": statistics.applied,
            "duplicates": statistics.counts[PushCode.DUPLICATE],
            "pulls": statistics.counts[PushCode.PULL_ONLY],
            **refusals,
            "workers": self._server.workers,
            "workers_in_shared_memory": self._pushes.workers_in_shared_memory,
            "loss": statistics.loss,
            "staleness_mean": statistics.mean_staleness,
            "staleness_max": statistics.staleness_max,
            "staleness_histogram": counts_text(self._pushes.staleness),
            **{f"time/{phase}": tally for phase, tally in self._times.items()},
            "policies_sent": self._sent,
            "lost_updates": statistics.lost_updates,
            "checkpoint_version": self._saved,
            "checkpoint_age_s": time.monotonic() - self._saved_at,
        }
        level = DiagnosticStatus.ERROR if self._problem else DiagnosticStatus.OK
        stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        message = self._problem or f"serving version {version}"
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values, level))


def main() -> None:
    """Run the server until it is asked to stop; exit 2 with one line if it cannot start."""
    torch.set_num_threads(1)
    stop = StopSignals()
    # A client that was killed gets no answer; the worker started in its place asks anew.
    warnings.filterwarnings("ignore", "failed to send response")
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ParamServer()
    except (ValueError, OSError, DamagedCheckpointError, ParameterException) as error:
        rclpy.shutdown()
        print(f"param_server: {error}", file=sys.stderr)
        sys.exit(2)
    executor = quick_executor(node.context)
    executor.add_node(node)
    try:
        stop.repeat(lambda: executor.spin_once(SIGNAL_PERIOD))
    finally:
        node.close()
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
