"""The bodies of a door with a handle, as one PyBullet multi-body.

Frames, door shut and handle at rest, all alike: origin where the handle's axis meets the front of
the door, x into the door, z up. The door hangs on its left (+y), and the lever points there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet

from adgps_core.tasks.door import HINGE_RADIUS, STANDOFF
from adgps_core.typing import Array
from adgps_sim.door.handles import Colour, Handle

DOOR = 0
"""Index of the door's link and hinge."""

HANDLE = 1
"""Index of the lever's link and axis."""

PANEL_BELOW, PANEL_ABOVE, PANEL_BEYOND = 0.32, 0.22, 0.09
"""How far the door reaches below, above and, away from its hinge, beyond the handle [m]."""

PANEL_THICKNESS = 0.03
DOOR_MASS = 3.0

IMU_POSITION = (0.055, 0.0, 0.0)
"""Of the IMU in the lever's frame: on the reverse side of the door, on the handle's axis [m]."""

_IDENTITY = (0.0, 0.0, 0.0, 1.0)
_ALONG_Y = (-float(np.sqrt(0.5)), 0.0, 0.0, float(np.sqrt(0.5)))
_ALONG_X = (0.0, float(np.sqrt(0.5)), 0.0, float(np.sqrt(0.5)))
_WOOD: Colour = (0.72, 0.74, 0.70)
_FRAME: Colour = (0.36, 0.30, 0.26)
_BOARD: Colour = (0.05, 0.35, 0.15)
_TRIFLE = 1e-3  # [kg] of a fixed part whose mass its parent has


@dataclass(frozen=True)
class _Part:
    """A link: its shape, where it is relative to its parent's frame, and how it is joined to it.

    Parameters
    ----------
    parent : index of the parent's link, -1 for the base.
    size : half extents of a box [m], (radius, length) of a cylinder, (radius,) of a sphere.
    position : of the link in its parent's frame [m]; its axes are the parent's.
    colour : to look at.
    mass : [kg].
    centre, turned : of the shape in the link's frame [m], as a quaternion.
    joint, axis : to its parent, in the link's frame.
    solid : whether it can be touched.
    """

    parent: int
    size: tuple[float, ...]
    position: tuple[float, float, float]
    colour: Colour
    mass: float = _TRIFLE
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turned: tuple[float, float, float, float] = _IDENTITY
    joint: int = pybullet.JOINT_FIXED
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    solid: bool = True


def build(client: int, handle: Handle, position: tuple[float, ...], yaw: float) -> int:
    """Add a door, shut, with the origin of its frame at position (3,) [m] and turned by yaw [rad].

    Returns
    -------
    Its number; `DOOR` and `HANDLE` are the links that move.
    """
    parts = [_panel(), _lever(handle), *_trimmings(handle)]
    shapes = [_shapes(client, part) for part in parts]
    body: int = pybullet.createMultiBody(
        baseMass=0.0,
        basePosition=position,
        baseOrientation=pybullet.getQuaternionFromEuler((0.0, 0.0, yaw)),
        linkMasses=[part.mass for part in parts],
        linkCollisionShapeIndices=[collision for collision, _ in shapes],
        linkVisualShapeIndices=[visual for _, visual in shapes],
        linkPositions=[part.position for part in parts],
        linkOrientations=[_IDENTITY for _ in parts],
        linkInertialFramePositions=[part.centre for part in parts],
        linkInertialFrameOrientations=[_IDENTITY for _ in parts],
        linkParentIndices=[part.parent + 1 for part in parts],
        linkJointTypes=[part.joint for part in parts],
        linkJointAxis=[part.axis for part in parts],
        physicsClientId=client,
    )
    return body


@dataclass(frozen=True)
class Solid:
    """One piece of a door, shut and with its handle at rest.

    Parameters
    ----------
    size : half extents of a box [m], (radius, length) of a cylinder along z, (radius,) of a sphere.
    position : of its middle in the door's frame [m].
    turned : its axes in the door's frame, a quaternion.
    """

    size: tuple[float, ...]
    position: tuple[float, float, float]
    turned: tuple[float, float, float, float]


def solids(handle: Handle) -> tuple[Solid, ...]:
    """Shape of a door with a handle, as its maker would draw it."""
    parts = [_panel(), _lever(handle), *_trimmings(handle)]

    def place(part: _Part) -> Array:
        origin = np.array(part.position)
        return origin if part.parent < 0 else origin + place(parts[part.parent])

    return tuple(
        Solid(part.size, tuple((place(part) + part.centre).tolist()), part.turned) for part in parts
    )


def _panel() -> _Part:
    """The door itself; its link's frame is at the hinge."""
    width, height = HINGE_RADIUS + PANEL_BEYOND, PANEL_ABOVE + PANEL_BELOW
    return _Part(
        parent=-1,
        size=(PANEL_THICKNESS / 2, width / 2, height / 2),
        position=(0.0, HINGE_RADIUS, 0.0),
        centre=(PANEL_THICKNESS / 2, -width / 2, (PANEL_ABOVE - PANEL_BELOW) / 2),
        colour=_WOOD,
        mass=DOOR_MASS,
        joint=pybullet.JOINT_REVOLUTE,
        axis=(0.0, 0.0, -1.0),
    )


def _lever(handle: Handle) -> _Part:
    """The lever; its link's frame is the door's, on the handle's axis."""
    half = handle.thickness / 2
    flat = handle.form == "flat"
    return _Part(
        parent=DOOR,
        size=(half, handle.length / 2, 0.8 * half) if flat else (half, handle.length),
        position=(0.0, -HINGE_RADIUS, 0.0),
        centre=(-STANDOFF, handle.length / 2, 0.0),
        turned=_IDENTITY if flat else _ALONG_Y,
        colour=handle.colour,
        mass=handle.mass,
        joint=pybullet.JOINT_REVOLUTE,
        axis=(-1.0, 0.0, 0.0),
    )


def _trimmings(handle: Handle) -> list[_Part]:
    """What is fixed to the lever, the door and the wall."""
    half = handle.thickness / 2
    parts = [
        _Part(HANDLE, (half, STANDOFF), (-STANDOFF / 2, 0, 0), handle.colour, turned=_ALONG_X),
        _Part(HANDLE, (1.1 * half,), (-STANDOFF, 0, 0), handle.colour),
        _Part(HANDLE, (0.012, 0.02, 0.015), IMU_POSITION, _BOARD, solid=False),
        _Part(
            DOOR,
            (0.004, 0.022, 0.07),
            (-0.004, -HINGE_RADIUS, -0.02),
            handle.rosette,
            solid=False,
        ),
    ]
    tip = (-STANDOFF, handle.length, 0.0)
    if handle.form == "knobbed":
        parts.append(_Part(HANDLE, (1.5 * half,), tip, handle.colour))
    if handle.form == "hooked":
        reach = 0.6 * STANDOFF
        parts.append(_Part(HANDLE, (half,), tip, handle.colour))
        parts.append(
            _Part(
                HANDLE,
                (half, reach),
                (-STANDOFF + reach / 2, handle.length, 0.0),
                handle.colour,
                turned=_ALONG_X,
            )
        )
    post = 0.06
    height = (PANEL_ABOVE + PANEL_BELOW) / 2 + post
    middle = (PANEL_ABOVE - PANEL_BELOW) / 2
    across = (HINGE_RADIUS + PANEL_BEYOND) / 2
    for y in (HINGE_RADIUS + post / 2, -PANEL_BEYOND - post / 2):
        parts.append(_Part(-1, (0.05, post / 2, height), (0.055, y, middle), _FRAME, solid=False))
    for z in (PANEL_ABOVE + post / 2, -PANEL_BELOW - post / 2):
        y = (HINGE_RADIUS - PANEL_BEYOND) / 2
        parts.append(_Part(-1, (0.05, across, post / 2), (0.055, y, z), _FRAME, solid=False))
    return parts


def _shapes(client: int, part: _Part) -> tuple[int, int]:
    """Collision shape, -1 where there is none, and visual shape of a part."""
    size: dict[str, object]
    shown: dict[str, object]
    if len(part.size) == 3:
        kind, size = pybullet.GEOM_BOX, {"halfExtents": part.size}
        shown = size
    elif len(part.size) == 2:
        kind = pybullet.GEOM_CYLINDER
        size = {"radius": part.size[0], "height": part.size[1]}
        shown = {"radius": part.size[0], "length": part.size[1]}
    else:
        kind, size = pybullet.GEOM_SPHERE, {"radius": part.size[0]}
        shown = size
    collision = -1
    if part.solid:
        collision = pybullet.createCollisionShape(
            kind,
            **size,
            collisionFramePosition=part.centre,
            collisionFrameOrientation=part.turned,
            physicsClientId=client,
        )
    visual = pybullet.createVisualShape(
        kind,
        **shown,
        rgbaColor=(*part.colour, 1.0),
        visualFramePosition=part.centre,
        visualFrameOrientation=part.turned,
        physicsClientId=client,
    )
    return collision, visual
