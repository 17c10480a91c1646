"""A guide's hand on the arm's: it drags the end-effector along a path, as a person would.

A spring and a damper, for the position and for the rotation, act between the end-effector and a
pose that moves along waypoints. The arm itself does nothing but compensate gravity, so that what
its joints do is what a person shows to it. Frames: B base (the world's), E end-effector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pybullet
from scipy.spatial.transform import Rotation

from adgps_core.end_effector import pose_of
from adgps_core.tasks import Instance
from adgps_core.typing import Array, frozen
from adgps_sim.links import link_motion

FINGER_OPENING = 0.02  # [m] of each finger: away from its stops, so that no contact is solved for

GUIDE_DURATION = 4.0
"""How long a guide takes to show a motion that needs no care [s]."""


@dataclass(frozen=True)
class Waypoint:
    """Where the hand shall be at a time.

    Parameters
    ----------
    time : since the guide took the hand [s]; positive.
    position : (3,) p_BE [m].
    rotation : (3, 3) R_BE.
    opening : of each finger [m].
    overlap : how long the way to it and the way on from it go on beside each other [s]: the hand
        does not rest there, but passes by.

    Raises
    ------
    ValueError
        If the rotation is none, or a number cannot be.
    """

    time: float
    position: Array
    rotation: Array
    opening: float = FINGER_OPENING
    overlap: float = 0.0

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        if not (np.isfinite(self.time) and self.time >= 0):
            raise ValueError(f"a waypoint's time must not be negative, got {self.time}")
        if not (np.isfinite(self.overlap) and self.overlap >= 0):
            raise ValueError(f"an overlap must not be negative, got {self.overlap}")
        if not 0 <= self.opening <= 0.04:
            raise ValueError(f"a finger opens by 0 to 0.04 m, not {self.opening}")
        object.__setattr__(self, "position", frozen(self.position, (3,), "position"))
        rotation = frozen(self.rotation, (3, 3), "rotation")
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
            raise ValueError("rotation is not a rotation")
        object.__setattr__(self, "rotation", rotation)


@dataclass(frozen=True)
class Pose:
    """Where the guide wants the hand now: pose, velocities in B, and how far the fingers open."""

    position: Array
    rotation: Rotation
    velocity: Array
    spin: Array
    opening: float


class GuidePath:
    """Joins waypoints smoothly, from rest to rest, by legs of minimum jerk (Flash & Hogan 1985).

    Legs that overlap add up.

    Parameters
    ----------
    waypoints : at rising times; the first is where the hand is.

    Raises
    ------
    ValueError
        If there are fewer than two, their times do not rise, or a leg overlaps another than the
        next, or the ends.
    """

    def __init__(self, waypoints: Sequence[Waypoint]) -> None:
        if len(waypoints) < 2:
            raise ValueError("a path has at least two waypoints")
        if any(after.time <= before.time for before, after in pairwise(waypoints)):
            raise ValueError("the times of a path's waypoints must rise")
        passed = np.array([each.overlap / 2 for each in waypoints[1:-1]])
        times = np.array([each.time for each in waypoints])
        self._begins, self._ends = times[:-1].copy(), times[1:].copy()
        self._begins[1:] -= passed
        self._ends[:-1] += passed
        outside = self._begins.min() < times[0] or self._ends.max() > times[-1]
        if outside or (self._ends[:-2] > self._begins[2:]).any():
            raise ValueError("ways to waypoints overlap too long")
        self._first, self._last = waypoints[0], waypoints[-1]
        rotations = [Rotation.from_matrix(each.rotation.copy()) for each in waypoints]
        self._start = rotations[0]
        self._ways = [after.position - before.position for before, after in pairwise(waypoints)]
        self._turns = [(a.inv() * b).as_rotvec() for a, b in pairwise(rotations)]
        self._openings = [after.opening - before.opening for before, after in pairwise(waypoints)]

    @property
    def duration(self) -> float:
        """When the last waypoint is reached [s]."""
        return self._last.time

    def at(self, time: float) -> Pose:
        """Where the hand shall be; at the ends before and after the path."""
        took = self._ends - self._begins
        parts = np.clip((time - self._begins) / took, 0.0, 1.0)
        done = parts**3 * (10 - 15 * parts + 6 * parts**2)
        rates = 30 * parts**2 * (1 - parts) ** 2 / took
        position, velocity, spin = self._first.position.copy(), np.zeros(3), np.zeros(3)
        rotation, opening = self._start, self._first.opening
        legs = zip(done, rates, self._ways, self._turns, self._openings, strict=True)
        for part, rate, way, turn, opens in legs:
            if part > 0:
                position += part * way
                velocity += rate * way
                spin += rotation.apply(rate * turn)
                rotation = rotation * Rotation.from_rotvec(part * turn)
                opening += part * opens
        return Pose(position, rotation, velocity, spin, opening)


@dataclass(frozen=True)
class GuideSettings:
    """How firmly the guide holds on.

    Parameters
    ----------
    stiffness, damping : [N/m], [N·s/m].
    turning_stiffness, turning_damping : [N·m/rad], [N·m·s/rad].
    most_force, most_torque : what it never exceeds [N], [N·m].
    """

    stiffness: float = 600.0
    damping: float = 60.0
    turning_stiffness: float = 15.0
    turning_damping: float = 0.5
    most_force: float = 60.0
    most_torque: float = 8.0

    def __post_init__(self) -> None:
        """Validate."""
        if not all(np.isfinite(value) and value > 0 for value in vars(self).values()):
            raise ValueError("what a guide does must be positive and finite")


@dataclass
class Guide:
    """Acts on a link of a body.

    Parameters
    ----------
    client, body, link : PyBullet's numbers.
    path : from where the hand is.
    settings : how firmly it holds on.
    elapsed : time since it took the hand [s].
    """

    client: int
    body: int
    link: int
    path: GuidePath
    settings: GuideSettings = field(default_factory=GuideSettings)
    elapsed: float = 0.0

    def step(self, duration: float) -> float:
        """Pull for a step of the physics [s]; how far it opens each finger [m]."""
        self.elapsed += duration
        wanted = self.path.at(self.elapsed)
        hand = link_motion(self.client, self.body, self.link, np.zeros(3))
        settings = self.settings
        force = settings.stiffness * (wanted.position - hand.position)
        force += settings.damping * (wanted.velocity - hand.velocity)
        turn = (wanted.rotation * hand.rotation.inv()).as_rotvec()
        torque = settings.turning_stiffness * turn
        torque += settings.turning_damping * (wanted.spin - hand.spin)
        pybullet.applyExternalForce(
            self.body,
            self.link,
            _at_most(force, settings.most_force),
            hand.position.tolist(),
            pybullet.WORLD_FRAME,
            physicsClientId=self.client,
        )
        pybullet.applyExternalTorque(
            self.body,
            self.link,
            _at_most(torque, settings.most_torque),
            pybullet.WORLD_FRAME,
            physicsClientId=self.client,
        )
        return wanted.opening


def straight_to_goal(instance: Instance, duration: float) -> tuple[Waypoint, ...]:
    """The way of a guide whose hand goes straight to an instance's goal, in a time [s]."""
    position, rotation = pose_of(instance.parameters)
    return (Waypoint(duration, position, rotation),)


def _at_most(vector: Array, length: float) -> list[float]:
    """Shorten a vector to a length, if it is longer."""
    shortened: list[float] = (
        vector * min(1.0, length / max(float(np.linalg.norm(vector)), 1e-9))
    ).tolist()
    return shortened
