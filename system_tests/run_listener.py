"""Hears all that a run says of itself, from the test's own process."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from types import TracebackType
from typing import Any

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
        self._steps: dict[str, list[tuple[int, int]]] = {name: [] for name in global_workers}
        self._ros = RosNode("listener", domain_id)
        watch_diagnostics(self._ros.node, self._on_report)
        latched = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        for name in global_workers:
            topic = f"{name.rpartition('/')[0]}/replay_status"
            with_info: Any = self._on_status  # rclpy's signature knows one argument only
            self._ros.node.create_subscription(ReplayStatus, topic, with_info, latched)

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
        """Gradient steps of a global worker, the ones of killed processes included.

        A process that was started again is known by its messages, which are numbered anew: it may
        have taken more steps than the one before when it is first heard.
        """
        with self._lock:
            heard = self._steps[name]
        ends = [steps for (number, steps), (after, _) in pairwise(heard) if after <= number]
        return sum(ends) + (heard[-1][1] if heard else 0)

    def _on_report(self, name: str, values: dict[str, str]) -> None:
        with self._lock:
            self._reports.setdefault(name, []).append((time.monotonic(), values))

    def _on_status(self, message: ReplayStatus, info: dict[str, Any]) -> None:
        with self._lock:
            number = int(info["publication_sequence_number"])
            self._steps[message.worker].append((number, int(message.steps)))
