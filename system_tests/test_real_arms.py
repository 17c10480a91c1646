"""Two arms behind drivers of their own practise in real time, as real.launch.py has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rclpy.node import Node
from real_lab import ARMS, SETTINGS, drivers, robots
from stack_process import TINY, wait_for, write_parameters
from std_srvs.srv import Trigger

from adgps_bringup.description import GLOBAL_WORKER, LOCAL_WORKER, NodeDescription
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.real_robots import write_robots
from adgps_bringup.resources import hyper_parameters, real_parameters
from adgps_bringup.ros_node import watch_diagnostics
from adgps_bringup.session import Session, running
from adgps_bringup.stack import describe_stack

ROBOTS = ("/robot_61", "/robot_62")
ITERATIONS = 2
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def arms() -> Iterator[None]:
    """Two drivers, started by nobody of the stack."""
    with drivers():
        yield


def shortened(nodes: tuple[NodeDescription, ...]) -> tuple[NodeDescription, ...]:
    """The same nodes, each robot with one instance: a rollout takes five seconds here."""

    def one(node: NodeDescription) -> NodeDescription:
        key = {LOCAL_WORKER: "instances", GLOBAL_WORKER: "instances_expected"}.get(node.executable)
        if key is None:
            return node
        instances = node.parameters[key]
        assert isinstance(instances, tuple)
        return replace(node, parameters={**node.parameters, key: instances[:1]})

    return tuple(one(node) for node in nodes)


class Operator:
    """Somebody who arms gates and controllers once they are there."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.done: list[str] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        for robot in ROBOTS:
            for name in ("torque_gate", "torque_controller"):
                client = self._node.create_client(Trigger, f"{robot}/{name}/arm")
                wait_for(client.service_is_ready, f"{robot}/{name}")
                success = False
                while not success:
                    future = client.call_async(Trigger.Request())
                    end = time.monotonic() + 3.0
                    while not future.done() and time.monotonic() < end:
                        time.sleep(0.05)
                    success = future.done() and future.result().success
                self.done.append(f"{robot}/{name}")


def wait_until(session: Session, condition: Any, what: str) -> None:
    """Wait, looking after the processes."""

    def look() -> bool:
        session.tick()
        return bool(condition())

    wait_for(look, what, 150.0)


def test_two_real_arms_learn_together(arms: None, tmp_path: Path) -> None:
    """Nothing of the stack knows what is behind the arms' topics, and workers not even those."""
    write_robots(robots(ROBOTS), tmp_path / "robots.yaml")
    config = write_parameters(tmp_path / "tiny.yaml", SETTINGS)
    own = hyper_parameters("reach", "badmm", "lqr")
    options = StackOptions(
        robots=2,
        robots_file=tmp_path / "robots.yaml",
        real_time_factor=1.0,
        iterations=ITERATIONS,
        run=tmp_path / "run",
        parameter_files=(real_parameters(), *own, config),
    )
    stack = describe_stack(options)
    for node in stack.of(LOCAL_WORKER, GLOBAL_WORKER):
        assert not any(arm in f"{node.parameters}{node.remappings}" for arm in ARMS)
    assert not any("bullet" in str(node) for node in stack.of(LOCAL_WORKER, GLOBAL_WORKER))

    heard: dict[str, dict[str, str]] = {}
    said: list[str] = []
    with (
        Interrupts() as interrupts,
        running(
            shortened(stack.nodes),
            tmp_path / "parameters",
            tmp_path / "log",
            said.append,
            interrupts,
            own_domain=False,
        ) as session,
    ):
        watch_diagnostics(session.node, lambda name, values: heard.update({name: values}))
        operator = Operator(session.node)
        workers = [f"{robot}/local_worker" for robot in ROBOTS]
        wait_until(
            session,
            lambda: all(heard.get(name, {}).get("finished") == "true" for name in workers),
            f"the end of training, {heard}, {said}",
        )
        assert len(operator.done) == 4
        for robot in ROBOTS:
            worker, gate = heard[f"{robot}/local_worker"], heard[f"{robot}/torque_gate"]
            assert float(worker["iteration"]) == ITERATIONS
            assert int(worker["rollouts"]) == ITERATIONS * TINY["/**/local_worker"]["samples"]
            assert 0.0 < float(worker["utilization"]) < 1.0
            assert int(worker["policy_version"].partition(".")[2]) > 0
            assert int(gate["commands_passed"]) > 100 * int(worker["rollouts"])
            assert gate["state"] == "armed" and gate["commands_refused_not_finite"] == "0"
            assert int(heard[f"{robot}/reset_server"]["resets"]) >= int(worker["rollouts"])
