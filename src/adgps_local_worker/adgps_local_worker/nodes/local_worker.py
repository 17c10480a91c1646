"""The local worker as a node: one robot practises its instances of the task."""

from __future__ import annotations

import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.tasks import make_task
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.nodes.collective import Collective
from adgps_local_worker.nodes.robot_client import RobotClient
from adgps_local_worker.practice import Practice, Schedule

FOREVER = 1e9


class LocalWorker(Node):
    """Declares parameters, connects the robot and the collective, and practises in a thread."""

    def __init__(self) -> None:
        super().__init__("local_worker")
        task = make_task(self._read("task", "reach", "Name of the task."))
        configuration = LocalConfiguration(
            **{
                field.name: _native(
                    self._read(
                        field.name,
                        field.default
                        if not isinstance(field.default, tuple)
                        else list(field.default),
                        f"Hyper-parameter {field.name} of the local update; see its class.",
                    )
                )
                for field in fields(LocalConfiguration)
            }
        )
        schedule = Schedule(
            iterations=self._read("iterations", 15, "Iterations of each instance."),
            samples=self._read("samples", 5, "Rollouts N of an iteration."),
            seed=self._read("seed", 0, "Seed of the exploration."),
            mode=self._read("mode", "async", "async or sync (Algorithm 1)."),
            alternations=self._read(
                "alternations",
                4,
                "Local and global optimisations per batch of rollouts, sync.",
            ),
        )
        self._refuse_other("method", "badmm", "How local and global policies are tied: badmm.")
        self._refuse_other("optimizer", "lqr", "Local optimiser: lqr.")
        ids = self._read("instances", ["training/0"], "Ids of the instances to practise.")
        known = {instance.id: instance for instance in task.instances("training")}
        if unknown := sorted(set(ids) - set(known)):
            raise ValueError(f"unknown instances {unknown}, known: {', '.join(known)}")

        folder = self._read("checkpoint_dir", "", "Folder of checkpoints; empty: none.")
        self._robot = RobotClient(
            self,
            self._read("rollout_timeout", 60.0, "Longest wait for one rollout [s]."),
            self._read("perturbation", 0.01, "Deviation of the initial joint angles [rad]."),
        )
        self._peers = Collective(
            self,
            list(
                self._read(
                    "replay_status_topics",
                    ["replay_status"],
                    "Global workers to keep pace with.",
                )
            ),
            self._read("min_steps_per_rollout", 0.0, "Gradient steps to wait for, per rollout."),
            self._read("patience", 60.0, "Longest wait for the global workers [s]."),
            self._read(
                "replay_depth",
                20,
                "Iterations kept for global workers that come later.",
            ),
            Path(folder) if folder else None,
        )
        memories = {}
        if self._read("resume", False, "Go on from the checkpoints, where there are any."):
            recalled = {key: self._peers.recall(key) for key in ids}
            memories = {key: memory for key, memory in recalled.items() if memory is not None}
        self._schedule = schedule
        self._practice = Practice(
            task,
            tuple(known[key] for key in ids),
            configuration,
            schedule,
            self._robot,
            self._peers,
            worker=self.get_fully_qualified_name(),
            memories=memories,
            log=self.get_logger().warning,
        )
        self._failure = ""
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(0.5, self._publish_diagnostics)

    def practise(self) -> None:
        """Practise until done; an exception becomes an error in the diagnostics and the log."""
        try:
            self._peers.wait_for_policy(FOREVER)
            self._practice.run()
            self._publish_diagnostics()
        except Exception as error:
            if rclpy.ok():
                self._failure = f"{type(error).__name__}: {error}"
                self.get_logger().fatal(self._failure)
                rclpy.try_shutdown()

    @property
    def failed(self) -> bool:
        """Whether practice ended with an exception."""
        return bool(self._failure)

    def _publish_diagnostics(self) -> None:
        progress = self._practice.progress
        counts = progress.iterations
        values = {
            "iteration": sum(counts.values()) / len(counts),
            "iterations": self._schedule.iterations,
            "rollouts": progress.rollouts,
            "failed_rollouts": progress.failed_rollouts,
            "cost": progress.cost,
            "distance_m": progress.distance,
            "utilization": progress.utilization,
            "policy_version": self._peers.policy_version,
            "policy_age_s": self._peers.policy_age,
            "state": progress.activity,
            "finished": str(progress.finished).lower(),
        }
        level = DiagnosticStatus.ERROR if self._failure else DiagnosticStatus.OK
        message = self._failure or progress.activity
        name = self.get_fully_qualified_name()
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values, level))

    def _read(self, name: str, default: Any, description: str) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def _refuse_other(self, name: str, only: str, description: str) -> None:
        value = self._read(name, only, description)
        if value != only:
            raise ValueError(f"{name} {value!r} is not available, only {only!r}")


def _native(value: Any) -> Any:
    """Lists of parameters as tuples."""
    return tuple(value) if not isinstance(value, int | float | str) else value


def main() -> None:
    """Run the node; exit 1 with one line for wrong parameters, or if practice failed."""
    rclpy.init()
    try:
        node = LocalWorker()
    except ValueError as error:
        sys.exit(f"local_worker: {error}")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    threading.Thread(target=node.practise, daemon=True, name="practice").start()
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    sys.exit(1 if node.failed else 0)


if __name__ == "__main__":
    main()
