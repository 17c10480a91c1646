"""Hears all that a run says of itself, from the test's own process."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from types import TracebackType

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from adgps_bringup.processes import environment
from adgps_bringup.ros_node import RosNode, watch_diagnostics
from adgps_msgs.msg import ReplayStatus


class RunListener:
    """A node in the domain of a run; a context manager.

    Parameters
    ----------
    domain_id : of the run.
    global_workers : their full names.
    """

    def __init__(self, domain_id: int, global_workers: tuple[str, ...]) -> None:
        os.environ.update(environment())  # else it would not be found on this host
        self._lock = threading.Lock()
        self._reports: dict[str, list[tuple[float, dict[str, str]]]] = {}
        self._steps: dict[str, list[int]] = {name: [] for name in global_workers}
        self._ros = RosNode("listener", domain_id)
        watch_diagnostics(self._ros.node, self._on_report)
        latched = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        for name in global_workers:
            topic = f"{name.rpartition('/')[0]}/replay_status"
            self._ros.node.create_subscription(ReplayStatus, topic, self._on_status, latched)

    def __enter__(self) -> RunListener:
        """Hear from now on."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the domain."""
        self._ros.__exit__(kind, error, trace)

    def reports(self, name: str, since: float = 0.0, until: float = 1e300) -> list[dict[str, str]]:
        """Diagnostics of a node that were heard in a time, steady clock [s]."""
        with self._lock:
            return [values for at, values in self._reports.get(name, ()) if since <= at <= until]

    def steps_acknowledged(self, name: str) -> int:
        """Gradient steps of a global worker, the ones of killed processes included."""
        with self._lock:
            steps = self._steps[name]
        ends = [a for a, b in pairwise(steps) if b < a]
        return sum(ends) + (steps[-1] if steps else 0)

    def _on_report(self, name: str, values: dict[str, str]) -> None:
        with self._lock:
            self._reports.setdefault(name, []).append((time.monotonic(), values))

    def _on_status(self, message: ReplayStatus) -> None:
        with self._lock:
            self._steps[message.worker].append(int(message.steps))
