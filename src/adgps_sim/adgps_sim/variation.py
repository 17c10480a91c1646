"""How one simulated arm differs from the next, as real ones of one make do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet

from adgps_core.typing import Array, frozen
from adgps_sim.camera import OVER_SHOULDER, CameraPose

JOINTS = 7
STREAM = 7
"""Part of the seed of what is different in an arm, so that it is not that of a reset."""
_DAMPING, _MASS, _TORQUE = 0.3, 0.1, 0.05  # most that factors differ from 1
_FRICTION = 0.15  # [N·m] at most
_CAMERA = 0.03  # [m] that the camera and what it looks at are moved at most, along each axis


@dataclass(frozen=True)
class Variation:
    """What is different.

    Parameters
    ----------
    damping : (7,) factors on the damping of the joints.
    friction : (7,) Coulomb friction of the joints [N·m].
    masses : (7,) factors on masses and inertias of the links that the joints move.
    torques : (7,) torque that a joint gives for each N·m that is commanded.
    camera : where the camera is.

    Raises
    ------
    ValueError
        If one is negative or not finite.
    """

    damping: Array
    friction: Array
    masses: Array
    torques: Array
    camera: CameraPose = OVER_SHOULDER

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        for name in ("damping", "friction", "masses", "torques"):
            values = frozen(getattr(self, name), (JOINTS,), name)
            if (values < 0).any():
                raise ValueError(f"{name} must not be negative")
            object.__setattr__(self, name, values)


def vary(amount: float, rng: np.random.Generator) -> Variation:
    """Draw an arm; of amount 0 all are alike, of 1 they differ as much as they ever do.

    Raises
    ------
    ValueError
        If the amount is not within 0 and 1.
    """
    if not 0.0 <= amount <= 1.0:
        raise ValueError(f"variation must be between 0 and 1, got {amount}")

    def factors(most: float) -> Array:
        drawn: Array = 1.0 + amount * most * rng.uniform(-1.0, 1.0, JOINTS)
        return drawn

    def moved(place: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = place + amount * _CAMERA * rng.uniform(-1.0, 1.0, 3)
        return float(x), float(y), float(z)

    return Variation(
        damping=factors(_DAMPING),
        friction=amount * _FRICTION * rng.uniform(0.0, 1.0, JOINTS),
        masses=factors(_MASS),
        torques=factors(_TORQUE),
        camera=CameraPose(moved(OVER_SHOULDER.eye), moved(OVER_SHOULDER.target)),
    )


def variation_of(seed: int, amount: float) -> Variation | None:
    """What is different in the arm of a simulated robot with that seed; None where nothing is."""
    return vary(amount, np.random.default_rng((seed, STREAM))) if amount else None


def apply(variation: Variation, client: int, body: int, links: list[int]) -> None:
    """Change masses and friction of an arm, whose joints and the links that they move are given.

    Its own gravity compensation knows the masses.
    """
    for link, mass, friction in zip(links, variation.masses, variation.friction, strict=True):
        known = pybullet.getDynamicsInfo(body, link, physicsClientId=client)
        # Bullet would make the inertia anew from the shape.
        pybullet.changeDynamics(
            body,
            link,
            mass=mass * known[0],
            localInertiaDiagonal=(mass * np.array(known[2])).tolist(),
            physicsClientId=client,
        )
        pybullet.setJointMotorControl2(
            body,
            link,
            pybullet.VELOCITY_CONTROL,
            targetVelocity=0.0,
            force=friction,
            physicsClientId=client,
        )
