"""What a simulated robot publishes of itself: time, the IMU of its scene, its joints."""

from __future__ import annotations

from array import array

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Imu, JointState

from adgps_sim.imu import ImuReading
from adgps_sim.world import FINGER_NAMES, JOINT_NAMES, ArmState, World

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
CLOCK = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
IMU_FRAME = "imu_link"


class WorldPublisher:
    """Publishes a world at a stamp, in messages used again.

    The time goes first, then the IMU's reading where the scene has one, then the joint state: who
    gets a state has what belongs to it already, or soon.

    Parameters
    ----------
    node : whose topics they are.
    world : what is published.
    depth : states and readings that are kept for who is slow, or comes late.
    """

    def __init__(self, node: Node, world: World, depth: int = 1) -> None:
        quality = QoSProfile(
            depth=depth, reliability=LATCHED.reliability, durability=LATCHED.durability
        )
        self._world = world
        names = JOINT_NAMES + FINGER_NAMES
        zeros = [0.0] * len(names)
        self._clock = ClockMessage()
        self._state = JointState(
            name=names,
            position=array("d", zeros),
            velocity=array("d", zeros),
            effort=array("d", zeros),
        )
        self._reading = Imu()
        self._reading.header.frame_id = IMU_FRAME
        self._time = node.create_publisher(ClockMessage, "/clock", CLOCK)
        self._states = node.create_publisher(JointState, "joint_states", quality)
        self._readings = None
        if world.imu is not None:
            self._readings = node.create_publisher(Imu, "imu/data", quality)

    def publish(self, stamp_ns: int) -> None:
        """Publish how the world is at a stamp [ns]."""
        headers = (self._state.header.stamp, self._reading.header.stamp)
        for stamp in (self._clock.clock, *headers):
            stamp.sec, stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        self._time.publish(self._clock)
        if self._readings is not None and self._world.imu is not None:
            _fill_reading(self._reading, self._world.imu)
            self._readings.publish(self._reading)
        _fill_state(self._state, self._world.state)
        self._states.publish(self._state)

    @property
    def recorded(self) -> tuple[Publisher, ...]:
        """The publishers of joint states and readings."""
        return tuple(each for each in (self._states, self._readings) if each is not None)


def _fill_state(message: JointState, arm: ArmState) -> None:
    message.position[:] = array("d", arm.positions.tobytes() + arm.fingers.tobytes())
    message.velocity[:] = array("d", arm.velocities.tobytes() + arm.finger_velocities.tobytes())
    message.effort[: len(JOINT_NAMES)] = array("d", arm.efforts.tobytes())


def _fill_reading(message: Imu, reading: ImuReading) -> None:
    q, v, a = message.orientation, message.angular_velocity, message.linear_acceleration
    q.x, q.y, q.z, q.w = reading.orientation.tolist()
    v.x, v.y, v.z = reading.angular_velocity.tolist()
    a.x, a.y, a.z = reading.linear_acceleration.tolist()
    message.orientation_covariance = np.diag(reading.orientation_variance).ravel()
    message.angular_velocity_covariance = (reading.angular_velocity_variance * np.eye(3)).ravel()
    message.linear_acceleration_covariance = (
        reading.linear_acceleration_variance * np.eye(3)
    ).ravel()
