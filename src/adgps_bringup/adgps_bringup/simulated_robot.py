"""A simulated robot with its torque controller, and what looks at its camera's images.

Two or three nodes, one process, one executor. In lock-step they wait for each other at every tick;
in one process they do so in turns, and four robots still fit on two cores.
"""

from __future__ import annotations

import sys

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from adgps_core.signals import StopSignals
from adgps_global_worker.nodes.executors import quick_executor
from adgps_robot.nodes.feature_extractor import FeatureExtractor
from adgps_robot.nodes.torque_controller import TorqueController
from adgps_sim.nodes.sim_robot import SimRobot
from adgps_sim.world import URDF

SPIN = 0.1
"""Longest time without a look at whether a signal has come [s]."""


def build() -> list[Node]:
    """Make the nodes, which wait for each other; a simulated robot arms itself.

    No timer is on the simulated clock: under load, that of rclpy's executor on events (7.1.5) can
    stand still for a minute or two. States call for the controller's ticks instead.

    Raises
    ------
    ValueError, RuntimeError, ParameterException
        If one cannot be.
    """
    robot = SimRobot()
    controller = TorqueController(
        {
            "urdf": str(URDF),
            "lock_step": robot.lock_step,
            "tick_on_states": True,
            "imu": robot.has_imu,
            "autostart": True,
            "arm_on_activate": True,
        }
    )
    if not controller.get_parameter("features").value:
        return [robot, controller]
    return [robot, controller, FeatureExtractor({"lock_step": robot.lock_step})]


def main() -> None:
    """Run the nodes until told to stop; exit 2 with one line if they cannot start."""
    stop = StopSignals()
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        nodes = build()
    except (ValueError, RuntimeError, ParameterException) as error:
        rclpy.shutdown()
        print(f"simulated_robot: {error}", file=sys.stderr)
        sys.exit(2)
    executor = quick_executor(rclpy.get_default_context())
    for node in nodes:
        executor.add_node(node)
    try:
        stop.repeat(lambda: executor.spin_once(SPIN))
    finally:
        for node in reversed(nodes):
            node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main()
