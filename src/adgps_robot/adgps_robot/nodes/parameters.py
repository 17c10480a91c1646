"""ROS parameters of the torque controller: what they are called, mean, and may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node

from adgps_core import end_effector as ee
from adgps_core.measurements import FEATURES, IMAGE, IMU
from adgps_core.tasks import TASKS
from adgps_robot import panda
from adgps_robot.execution import Timing
from adgps_robot.joining import Join, Joins
from adgps_robot.kinematics import Kinematics
from adgps_robot.limits import Limits
from adgps_robot.motion import MotionSettings
from adgps_robot.nodes.declaring import Table, declare_all, joint_array, number_array, value

_JOINTS = ee.DIM_JOINTS

_PARAMETERS: Table = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}.", None),
    "urdf": ("", "Path of the robot's URDF; meshes are not read.", None),
    "joint_names": (
        [f"panda_joint{number}" for number in range(1, _JOINTS + 1)],
        "The arm's joints, in the order of the state.",
        None,
    ),
    "gripper_joints": (
        [f"panda_finger_joint{number}" for number in (1, 2)],
        "Joints whose positions add up to the opening of the gripper, where the policy sees it.",
        None,
    ),
    "end_effector_frame": (ee.FRAME, "Link that carries the end-effector points.", None),
    "lock_step": (
        True,
        "True: answer every state as it arrives, the robot waits for the answer. "
        "False: tick on a timer of the ROS clock.",
        None,
    ),
    "tick_on_states": (
        False,
        "Real time: tick on states that are a period later by their stamps, not on the timer.",
        None,
    ),
    "autostart": (
        False,
        "Configure and activate at the start, without a lifecycle manager.",
        None,
    ),
    "arm_on_activate": (False, "Arm when activated. Only for simulated robots.", None),
    "hold_damping": (
        [2.0] * 4 + [0.2] * 3,
        "Real time: joint damping between rollouts, on top of the arm's own [N*m*s/rad].",
        (0.0, 1e3),
    ),
    "imu": (False, "Join the readings of imu/data into the trajectories.", None),
    "features": (False, "Join the messages of image_features into the trajectories.", None),
    "train_vision": (
        False,
        "The vision network is trained with the policy: keep the images too. Needs features.",
        None,
    ),
    "state_timeout": (
        0.0,
        "Longest wait for a joint state, IMU reading or image [s]; 0: 5 in lock-step, else 0.2.",
        (0.0, 60.0),
    ),
    "start_timeout": (10.0, "Longest wait for the first state of a rollout [s].", (0.01, 3600.0)),
    "policy_timeout": (
        10.0,
        "Longest wait for a global policy that is new enough [s].",
        (0.01, 3600.0),
    ),
    "lateness_budget": (
        0.025,
        "Real time: a tick later than this ends the rollout [s].",
        (0.001, 10.0),
    ),
    "gate_timeout": (
        0.0,
        "Longest silence of the torque gate in front of the arm [s]; 0: there is no gate.",
        (0.0, 10.0),
    ),
    "ramp_time": (
        0.0,
        "How long a policy takes to take over from the hold [s].",
        (0.0, 5.0),
    ),
    "motion.speed": (
        0.2,
        "Real time: highest speeds of a reset's motion, as a part of limits.velocity.",
        (0.01, 1.0),
    ),
    "motion.stiffness": (
        [20.0] * 4 + [4.0, 4.0, 3.0],
        "Stiffness of a motion and of the pose at its end [N*m/rad].",
        (1e-3, 1e4),
    ),
    "motion.damping": (
        [3.0, 3.0, 2.0, 2.0, 0.2, 0.2, 0.2],
        "Damping of the same, on top of the arm's own [N*m*s/rad].",
        (0.0, 1e3),
    ),
    "motion.tolerance": (
        0.05,
        "How near to its goal a joint must rest [rad].",
        (1e-3, 1.0),
    ),
    "motion.tracking_tolerance": (
        0.3,
        "A motion ends when a joint is farther off its path [rad].",
        (1e-2, 3.0),
    ),
    "motion.settle_time": (3.0, "Longest wait for rest at the goal [s].", (0.1, 60.0)),
    "realtime_priority": (
        0,
        "Real time: priority under SCHED_FIFO; 0: an ordinary process.",
        (0, 99),
    ),
    "limits.enabled": (
        True,
        "Limit torques, torque rates, joint positions and velocities, and the end-effector's box.",
        None,
    ),
    "limits.effort": (list(panda.EFFORT), "Largest torques [N*m].", (1e-3, 1e4)),
    "limits.effort_rate": (
        list(panda.EFFORT_RATE),
        "Largest change of torque [N*m/s].",
        (1e-3, 1e6),
    ),
    "limits.velocity": (list(panda.VELOCITY), "Highest joint speeds [rad/s].", (1e-3, 1e2)),
    "limits.velocity_gain": (
        list(panda.VELOCITY_GAIN),
        "Braking torque per excess speed near a limit [N*m*s/rad].",
        (1e-3, 1e4),
    ),
    "limits.joint_damping": (
        list(panda.JOINT_DAMPING),
        "Damping of the arm's own joints [N*m*s/rad].",
        (0.0, 1e3),
    ),
    "limits.velocity_tolerance": (
        1.5,
        "A rollout ends when a joint exceeds its highest speed by this factor.",
        (1.0, 100.0),
    ),
    "limits.position_margin": (
        0.1,
        "Where joints come to rest before their range ends [rad].",
        (0.0, 1.0),
    ),
    "limits.position_gain": (1.5, "Allowed speed per distance from there [1/s].", (0.01, 100.0)),
    "limits.box_lower": (
        [-0.9, -0.9, -0.4],
        "Lower corner of the box that the end-effector's points may not leave, base frame [m].",
        (-1e3, 1e3),
    ),
    "limits.box_upper": ([1.1, 0.9, 1.4], "Upper corner of the same [m].", (-1e3, 1e3)),
}


def declare(node: Node, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter; `defaults` replaces some of the default values."""
    declare_all(node, _PARAMETERS, defaults)


def timing(node: Node) -> Timing:
    """Read the controller's timing; ValueError if it cannot be."""
    lock_step = bool(value(node, "lock_step"))
    return Timing(
        lock_step=lock_step,
        on_states=bool(value(node, "tick_on_states")) and not lock_step,
        state_timeout=value(node, "state_timeout") or (5.0 if lock_step else 0.2),
        start_timeout=value(node, "start_timeout"),
        policy_timeout=value(node, "policy_timeout"),
        lateness_budget=value(node, "lateness_budget"),
    )


def joins(node: Node, timing: Timing) -> Joins:
    """Read what is measured with the states; ValueError if it cannot be."""
    if value(node, "train_vision") and not value(node, "features"):
        raise ValueError("train_vision needs features")
    sensors = {
        "imu": (IMU, "IMU reading"),
        "features": (FEATURES, "word of an image"),
        "train_vision": (IMAGE, "image"),
    }
    wanted = (of for name, of in sensors.items() if value(node, name))
    return Joins([Join(*of, timing.lock_step, timing.state_timeout) for of in wanted])


def limits(node: Node, kinematics: Kinematics) -> Limits | None:
    """Read the limits, joint ranges from the URDF; ValueError if they cannot be."""
    if not value(node, "limits.enabled"):
        return None
    lower, upper = kinematics.position_limits
    return Limits(
        effort=joint_array(node, "limits.effort"),
        effort_rate=joint_array(node, "limits.effort_rate"),
        velocity=joint_array(node, "limits.velocity"),
        lower=lower,
        upper=upper,
        velocity_gain=joint_array(node, "limits.velocity_gain"),
        joint_damping=joint_array(node, "limits.joint_damping"),
        margin=value(node, "limits.position_margin"),
        position_gain=value(node, "limits.position_gain"),
        velocity_tolerance=value(node, "limits.velocity_tolerance"),
        box_lower=number_array(node, "limits.box_lower", 3),
        box_upper=number_array(node, "limits.box_upper", 3),
    )


def motion(node: Node) -> MotionSettings:
    """Read how the arm is moved between rollouts; ValueError if it cannot be."""
    return MotionSettings(
        stiffness=joint_array(node, "motion.stiffness"),
        damping=joint_array(node, "motion.damping"),
        joint_damping=joint_array(node, "limits.joint_damping"),
        velocity=value(node, "motion.speed") * joint_array(node, "limits.velocity"),
        tolerance=value(node, "motion.tolerance"),
        tracking_tolerance=value(node, "motion.tracking_tolerance"),
        settle_time=value(node, "motion.settle_time"),
    )
