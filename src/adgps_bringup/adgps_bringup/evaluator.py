"""Runs the global policy on instances, over several robots at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher

from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.rollouts import RESET_TIMEOUT, AttemptError, RobotClient, Tried
from adgps_bringup.ros_node import LATCHED, POLICIES
from adgps_bringup.trials.plan import Trial, Work
from adgps_core.conversions.messages import global_policy_to_msg
from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.tasks import Instance, Task
from adgps_msgs.msg import PolicyParameters

ATTEMPTS = 4
"""Rollouts that are tried of one instance before the evaluation fails."""

_PAUSE = 2.0

Witness = Callable[[str, Tried], None]
"""Is told of every rollout, with the robot's namespace, on a thread of that robot."""


class EvaluationError(RuntimeError):
    """An instance could not be evaluated; the message says which and why."""


def publish_policy(node: Node, policy: GlobalPolicy) -> Publisher:
    """Publish a policy in the place of the parameter server; keep what is returned alive."""
    publisher = node.create_publisher(PolicyParameters, POLICIES, LATCHED)
    publisher.publish(global_policy_to_msg(policy))
    return publisher


class Evaluator:
    """Evaluates one version of the global policy; to be closed when it is done.

    Parameters
    ----------
    node : spun by somebody else.
    task : the task.
    robots : their namespaces.
    reset_timeout : longest wait for a reset [s].
    simulated : whether the robots are, so that their simulators know what has succeeded.
    """

    def __init__(
        self,
        node: Node,
        task: Task,
        robots: Sequence[str],
        reset_timeout: float = RESET_TIMEOUT,
        simulated: bool = True,
    ) -> None:
        """Connect to the robots."""
        self._clients = {
            robot: RobotClient(node, task, robot, reset_timeout, simulated) for robot in robots
        }

    def close(self) -> None:
        """Let go of the node, which lives on otherwise."""
        for client in self._clients.values():
            client.close()

    def run(
        self,
        instances: Sequence[Instance],
        version: PolicyVersion,
        tick: Callable[[], None],
    ) -> list[InstanceResult]:
        """Try every instance once, on whichever robot has time; see `run_trials`."""
        results: dict[int, InstanceResult] = {}
        trials = [Trial(instance) for instance in instances]
        self.run_trials(trials, version, tick, results.__setitem__)
        return [results[index] for index in range(len(instances))]

    def run_trials(
        self,
        trials: Sequence[Trial],
        version: PolicyVersion,
        tick: Callable[[], None],
        done: Callable[[int, InstanceResult], None],
        witness: Witness | None = None,
    ) -> None:
        """Roll the policy's mean out once for every trial, robots in parallel.

        Parameters
        ----------
        trials : what to try.
        version : the policy must be at least this new.
        tick : called ten times a second; what it raises ends the evaluation.
        done : called with the index and the result of each trial, in the order in which they end.
        witness : see there.

        Raises
        ------
        EvaluationError
            If a trial failed on all attempts, or no robot is there.
        """
        work = Work(trials)
        results: queue.Queue[tuple[int, InstanceResult]] = queue.Queue()
        failures: list[Exception] = []
        stop = threading.Event()

        def attempt(robot: str, client: RobotClient, index: int, attempts: int) -> None:
            trial = trials[index]
            try:
                tried = client.attempt(trial, version, stop)
            except AttemptError as error:
                if attempts >= ATTEMPTS:
                    what = f"evaluation failed, {trial.instance.id} on {robot}: {error}"
                    raise EvaluationError(what) from error
                work.give_back(index, attempts)
                stop.wait(_PAUSE)  # so that another robot takes it, if there is one that may
                return
            if witness is not None:
                witness(robot, tried)
            results.put((index, tried.result))

        def practise(robot: str, client: RobotClient) -> None:
            try:
                while not stop.is_set():
                    taken = work.take(robot)
                    if taken is None:
                        stop.wait(0.1)
                    else:
                        attempt(robot, client, *taken)
            except Exception as error:
                failures.append(error)

        threads = [
            threading.Thread(target=practise, args=item, name=f"evaluate {item[0]}", daemon=True)
            for item in self._clients.items()
        ]
        for thread in threads:
            thread.start()
        try:
            missing = len(trials)
            while missing:
                tick()
                time.sleep(0.1)
                while not results.empty():
                    done(*results.get())
                    missing -= 1
                if failures:
                    raise failures[0]
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=0.5)
