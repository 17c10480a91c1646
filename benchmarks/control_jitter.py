"""How regular the torque controller's 20 Hz ticks are while every core computes.

    ./adgps exec python benchmarks/control_jitter.py [--seconds 20] [--priority 50]

The controller's own node ticks in real time, once as an ordinary process and once under SCHED_FIFO
(its parameter `realtime_priority`), beside none, one and two processes per core that compute
without end. Printed is how far the time between two ticks is from 50 ms. SCHED_FIFO needs a
permission: as root, by `sudo setcap cap_sys_nice+ep` on the Python that runs, or by a line
`@realtime - rtprio 98` in /etc/security/limits.conf for a group of one's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

PERIOD = 0.05
BURN = "while True: sum(range(10_000))"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def child(seconds: float, priority: int) -> None:
    """Run the controller's node, and print when it ticked as JSON."""
    import pybullet_data
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from adgps_core.tasks import make_task
    from adgps_robot.nodes.torque_controller import TorqueController

    urdf = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
    names = [f"panda_joint{number}" for number in range(1, 8)]
    rclpy.init(args=[])
    ticks: list[float] = []
    start, zeros = make_task("reach").start_joint_angles, np.zeros(7)

    class Timed(TorqueController):
        """Notes its ticks, and gives itself a state to answer at each."""

        def create_timer(self, period: Any, callback: Callable[[], None], *rest: Any, **more: Any):
            def tick() -> None:
                ticks.append(time.monotonic())
                stamp = self.get_clock().now().nanoseconds
                self.controller.on_joint_state(stamp, names, start, zeros)
                callback()

            timed = tick if callback.__name__ == "on_timer" else callback
            return super().create_timer(period, timed, *rest, **more)

    executor = SingleThreadedExecutor()
    node = Timed(
        {
            "urdf": str(urdf),
            "lock_step": False,
            "autostart": True,
            "arm_on_activate": True,
            "realtime_priority": priority,
        }
    )
    executor.add_node(node)
    end = time.monotonic() + seconds + 1.0
    while time.monotonic() < end:
        executor.spin_once(0.1)
    warm = [tick for tick in ticks if tick > end - seconds]
    print(json.dumps({"ticks": warm, "scheduler": os.sched_getscheduler(0)}))
    node.destroy_node()
    rclpy.shutdown()


def measure(seconds: float, priority: int, burners: int) -> tuple[np.ndarray, bool]:
    """Errors of the periods (n,) [s], and whether the schedule was what was asked for."""
    command = [sys.executable, __file__, "--child", "--seconds", str(seconds)]
    with ExitStack() as stack:
        for _ in range(burners):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
            stack.callback(process.kill)
        done = subprocess.run(
            [*command, "--priority", str(priority)],
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
            text=True,
            check=True,
        )
    result = json.loads(done.stdout.splitlines()[-1])
    permitted = (result["scheduler"] == os.SCHED_FIFO) == (priority > 0)
    return np.abs(np.diff(result["ticks"]) - PERIOD), permitted


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--priority", type=int, default=50)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.seconds, options.priority)
        return
    print(f"error of the 50 ms period, {options.seconds:g} s each, {os.cpu_count()} cores")
    print("| computing beside | schedule | ticks | p50 [ms] | p99 [ms] | max [ms] |")
    print("|---|---|---|---|---|---|")
    for per_core in (0, 1, 2):
        burners = per_core * (os.cpu_count() or 1)
        for name, priority in (
            ("ordinary", 0),
            (f"SCHED_FIFO {options.priority}", options.priority),
        ):
            errors, permitted = measure(options.seconds, priority, burners)
            numbers = [*np.quantile(errors, (0.5, 0.99)), errors.max()]
            cells = " | ".join(f"{1e3 * number:.2f}" for number in numbers)
            schedule = name if permitted else f"{name}, not permitted"
            print(f"| {burners} | {schedule} | {len(errors)} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
