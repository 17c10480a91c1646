"""The global worker: trajectories in, gradients out (Algorithm 3)."""

from __future__ import annotations

import re
import sys
import threading
import time
import traceback
from collections import Counter
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import optimized_trajectories_from_msg
from adgps_core.signals import StopSignals
from adgps_global_worker.nodes.parameters import (
    declare,
    rate_limiter,
    replay_memory,
    trainer_settings,
    value,
)
from adgps_global_worker.nodes.process import process_start_ns
from adgps_global_worker.nodes.server_client import ServerClient
from adgps_global_worker.trainer import Trainer
from adgps_msgs.msg import OptimizedTrajectories, ReplayStatus

STATUS_PERIOD = 0.1
DIAGNOSTICS_PERIOD = 1.0
WARNING_PERIOD = 1.0
IDLE_S = 0.2

_NUMBER = re.compile(r"\d+")


def _latched(depth: int) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


class GlobalWorker(Node):
    """See the package's README.

    Callbacks put messages on a queue; everything else happens on the training thread.
    """

    def __init__(self) -> None:
        super().__init__("global_worker")
        declare(self)
        self._warned: dict[str, float] = {}
        self._memory = replay_memory(self)
        self._server = ServerClient(self, value(self, "server_timeout"), self._warn)
        self._trainer = Trainer(
            self._memory,
            rate_limiter(self),
            trainer_settings(self),
            self._server,
            np.random.default_rng(value(self, "seed")),
            self._warn,
        )
        self._started_ns = process_start_ns()
        self._inbox: SimpleQueue[tuple[OptimizedTrajectories, bool]] = SimpleQueue()
        self._dropped: Counter[str] = Counter()
        self._announced: tuple[int, int, int] | None = None
        self._announcing = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self.failed = False

        self._status = self.create_publisher(ReplayStatus, "replay_status", _latched(1))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        depth = _latched(value(self, "replay_depth"))
        for topic in value(self, "trajectory_topics"):
            with_info: Any = self._on_trajectories  # rclpy's signature knows one argument only
            self.create_subscription(OptimizedTrajectories, topic, with_info, depth)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(STATUS_PERIOD, self._announce, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)
        self._announce()
        self._thread = threading.Thread(target=self._train, name="training")
        self._thread.start()

    def close(self) -> None:
        """Stop the training thread."""
        self._stop.set()
        self._server.close()
        self._wake.set()
        self._thread.join()
        self._server.destroy()

    def _on_trajectories(self, message: OptimizedTrajectories, info: dict[str, Any]) -> None:
        history = info["source_timestamp"] < self._started_ns
        self._inbox.put((message, history))
        self._wake.set()

    def _train(self) -> None:
        """Run the training thread: what has arrived first, then one step, until stopped."""
        try:
            while not self._stop.is_set():
                self._wake.clear()
                self._empty_inbox()
                round_before = self._trainer.limiter.round
                busy = self._trainer.advance()
                if self._trainer.limiter.round != round_before:
                    self._announce()
                if not busy:
                    self._wake.wait(IDLE_S)
        except Exception as error:
            self.get_logger().fatal(f"training stopped: {error}\n{traceback.format_exc()}")
            self.failed = True

    def _empty_inbox(self) -> None:
        """Take everything that has arrived into the replay memory."""
        while True:
            try:
                message, history = self._inbox.get_nowait()
            except Empty:
                return
            try:
                with self._trainer.progress.times["receive"].timed():
                    optimized = optimized_trajectories_from_msg(message)
                    self._trainer.receive(optimized, history=history)
            except ValueError as error:
                self._dropped[message.worker] += 1
                self._warn(f"trajectories of {message.worker!r} refused: {error}")

    def _announce(self) -> None:
        """Publish how far training has come, if it has."""
        limiter = self._trainer.limiter
        with self._announcing:
            now = (limiter.rollouts, limiter.steps, limiter.round)
            if now == self._announced:
                return
            self._announced = now
            status = ReplayStatus(
                worker=self.get_fully_qualified_name(),
                rollouts=now[0],
                steps=now[1],
                round=now[2],
            )
            status.header.stamp = self.get_clock().now().to_msg()
            self._status.publish(status)

    def _publish_diagnostics(self) -> None:
        progress, limiter = self._trainer.progress, self._trainer.limiter
        values: dict[str, object] = {
            "steps": limiter.steps,
            "rollouts": limiter.rollouts,
            "round": limiter.round,
            "replayed_rollouts": self._memory.rollouts,
            "instances": len(self._memory.revisions),
            "loss": progress.loss,
            "gradient_norm": progress.gradient_norm,
            "effective_sample_size": progress.effective_sample_size,
            "policy_version": progress.version,
            "staleness_mean": progress.staleness_sum / max(limiter.steps, 1),
            "staleness_max": progress.staleness_max,
            "queue_depth": self._inbox.qsize(),
            "waiting_for": limiter.waiting_for,
            "server_answers": self._server.answering,
            "shares_memory": self._server.shares_memory,
            "pushes_repeated": progress.repeated,
            "gradients_not_finite": progress.not_finite,
            "rebased": progress.rebased,
        }
        values |= {f"time/{phase}": tally for phase, tally in progress.times.items()}
        values |= {f"refused_{reason}": n for reason, n in dict(progress.refused).items()}
        values |= {f"dropped_of_{worker}": n for worker, n in dict(self._dropped).items()}
        waits = not self._server.answering
        message = "waiting for the parameter server" if waits else "training"
        level = DiagnosticStatus.WARN if waits else DiagnosticStatus.OK
        stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values, level))

    def _warn(self, text: str) -> None:
        """Log a warning; of those that differ in their numbers only, one a second."""
        kind, now = _NUMBER.sub("", text), time.monotonic()
        if now >= self._warned.get(kind, -np.inf) + WARNING_PERIOD:
            self._warned[kind] = now
            self.get_logger().warning(text)


def main() -> None:
    """Run the worker until it is asked to stop; exit 2 with one line if it cannot start."""
    torch.set_num_threads(1)
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = GlobalWorker()
    except (ValueError, ParameterException) as error:
        rclpy.shutdown()
        print(f"global_worker: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def step() -> None:
        executor.spin_once()
        if node.failed:
            sys.exit(1)

    try:
        stop.repeat(step)
    finally:
        node.close()
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
