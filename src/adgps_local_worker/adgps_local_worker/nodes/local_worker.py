"""The local worker as a node: one robot practises its instances of the task (Algorithm 2)."""

from __future__ import annotations

import sys
import threading
import traceback

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.signals import StopSignals
from adgps_local_worker.nodes import parameters
from adgps_local_worker.nodes.collective import Collective
from adgps_local_worker.nodes.futures import StoppedError
from adgps_local_worker.nodes.parameters import value
from adgps_local_worker.nodes.robot_client import RobotClient
from adgps_local_worker.practice import Practice

DIAGNOSTICS_PERIOD = 0.5
SPIN_S = 0.1
"""Longest time after which a signal is noticed [s]."""
FAREWELL_S = 0.5
"""How long a stopping node waits for its practising thread, which may be in a computation [s]."""


class LocalWorker(Node):
    """See the package's README.

    Callbacks only note what arrives; the robot, the mathematics and every wait are on a thread of
    their own.
    """

    def __init__(self) -> None:
        super().__init__("local_worker")
        parameters.declare(self)
        task = parameters.task(self)
        demonstrations = parameters.demonstrations(self, task)
        task = task.shown(demonstrations)
        instances = parameters.instances(self, task)
        self._schedule = parameters.schedule(self)
        configuration = parameters.configuration(self, task)
        self._stop = threading.Event()
        self._peers = Collective(
            self,
            list(value(self, "replay_status_topics")),
            value(self, "min_steps_per_rollout"),
            value(self, "patience"),
            value(self, "replay_depth"),
            parameters.checkpoint_folder(self),
            self._stop,
        )
        recalled = (
            {instance.id: self._peers.recall(instance.id) for instance in instances}
            if value(self, "resume")
            else {}
        )
        self._robot = RobotClient(
            self,
            task,
            value(self, "rollout_timeout"),
            value(self, "reset_timeout"),
            value(self, "perturbation"),
            self._stop,
        )
        self._practice = Practice(
            task,
            instances,
            configuration,
            self._schedule,
            self._robot,
            self._peers,
            worker=self.get_fully_qualified_name(),
            memories={key: memory for key, memory in recalled.items() if memory is not None},
            log=self.get_logger().warning,
            demonstrations=demonstrations,
        )
        self._failure = ""
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)
        self._thread = threading.Thread(target=self._practise, daemon=True, name="practice")

    def start(self) -> None:
        """Begin to practise; the node must have an executor by now."""
        self._thread.start()

    def close(self) -> None:
        """Stop practising: at once in a wait, soon in a computation."""
        self._stop.set()
        self._peers.wake()
        self._thread.join(FAREWELL_S)
        self._robot.destroy()

    @property
    def failed(self) -> bool:
        """Whether practice ended with an exception."""
        return bool(self._failure)

    def _practise(self) -> None:
        """Run the practising thread, until done or stopped; an exception ends the process."""
        try:
            self._practice.progress.activity = "waiting for the parameter server"
            self._peers.wait_for_policy()
            self._practice.run()
        except StoppedError:
            pass
        except Exception as error:
            if not self._stop.is_set():
                self.get_logger().fatal(f"practice stopped: {error}\n{traceback.format_exc()}")
                self._failure = f"{type(error).__name__}: {error}"

    def _publish_diagnostics(self) -> None:
        progress = self._practice.progress
        counts = progress.iterations
        values: dict[str, object] = {
            "iteration": sum(counts.values()) / len(counts),
            "iterations": self._schedule.iterations,
            "rollouts": progress.rollouts,
            "failed_rollouts": progress.failed_rollouts,
            "published": self._peers.published,
            "cost": progress.cost,
            "distance_m": progress.distance,
            "utilization": progress.utilization,
            "started_at_s": f"{progress.started_at:.3f}",
            "elapsed_s": progress.elapsed,
            "policy_version": self._peers.policy_version,
            "policy_age_s": self._peers.policy_age,
            "state": progress.activity,
            "finished": str(progress.finished).lower(),
        }
        values |= {f"time/{phase}": tally for phase, tally in progress.times.items()}
        values |= {f"cost/{instance}": cost for instance, cost in dict(progress.costs).items()}
        level = DiagnosticStatus.ERROR if self._failure else DiagnosticStatus.OK
        message = self._failure or progress.activity
        name = self.get_fully_qualified_name()
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_array(stamp, name, message, values, level))


def main() -> None:
    """Run the worker until it is asked to stop.

    Exits 2 with one line if it cannot start, 1 if practice failed.
    """
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = LocalWorker()
    except (ValueError, OSError, ParameterException) as error:
        rclpy.shutdown()
        print(f"local_worker: {error}", file=sys.stderr)
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.start()

    def step() -> None:
        executor.spin_once(SPIN_S)
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
