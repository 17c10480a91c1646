"""The four lever handles: what they look like and how they resist.

Three are practised with; the last is held out, and each of its numbers lies outside the range of
the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]
Form = Literal["round", "flat", "hooked", "knobbed"]


@dataclass(frozen=True)
class Handle:
    """A lever that turns about an axis across the door, down to open.

    Parameters
    ----------
    name : for people.
    form : of the lever; "flat" is a bar, the others are round: plain, with a return towards the
        door at its end, with a ball at its end.
    length : of the lever, from the axis [m].
    thickness : of the lever [m].
    colour, rosette : of the lever and of the plate behind it, red, green and blue.
    stiffness : of the spring that brings it back [N·m/rad].
    preload : torque of the spring at rest, more than the weight of the lever has [N·m].
    damping : viscous, of its axis [N·m·s/rad].
    friction : Coulomb, of its axis [N·m].
    mass : of the lever [kg].
    release : angle from which the latch is drawn [rad].
    travel : angle at which it meets its stop [rad].
    """

    name: str
    form: Form
    length: float
    thickness: float
    colour: Colour
    rosette: Colour
    stiffness: float
    preload: float
    damping: float
    friction: float
    mass: float
    release: float = 0.30
    travel: float = 1.0


HANDLES = (
    Handle(
        name="steel",
        form="round",
        length=0.125,
        thickness=0.018,
        colour=(0.62, 0.64, 0.67),
        rosette=(0.45, 0.46, 0.48),
        stiffness=0.25,
        preload=0.15,
        damping=0.012,
        friction=0.012,
        mass=0.18,
    ),
    Handle(
        name="brass",
        form="flat",
        length=0.14,
        thickness=0.020,
        colour=(0.80, 0.62, 0.22),
        rosette=(0.55, 0.42, 0.14),
        stiffness=0.32,
        preload=0.21,
        damping=0.016,
        friction=0.016,
        mass=0.24,
    ),
    Handle(
        name="black",
        form="knobbed",
        length=0.15,
        thickness=0.016,
        colour=(0.10, 0.10, 0.11),
        rosette=(0.75, 0.75, 0.75),
        stiffness=0.40,
        preload=0.20,
        damping=0.02,
        friction=0.02,
        mass=0.21,
    ),
    Handle(
        name="red",
        form="hooked",
        length=0.17,
        thickness=0.022,
        colour=(0.72, 0.12, 0.10),
        rosette=(0.20, 0.25, 0.60),
        stiffness=0.55,
        preload=0.30,
        damping=0.028,
        friction=0.03,
        mass=0.28,
    ),
)
"""By number; the last is never practised with."""
