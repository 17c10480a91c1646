"""Where doors stand on which a policy is tried: places by ways to face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adgps_core.tasks.task import Instance
from adgps_core.tasks.trials import TrialGrid
from adgps_core.typing import Array

_PLACES = ((0.0, 0.0), (-0.7, 0.7), (-0.7, -0.7), (0.7, 0.7), (0.7, -0.7))
_YAWS = (-0.7, -0.35, 0.0, 0.35, 0.7)


def door_grid(name: str, spread: Array, make: Callable[[Array, str], Instance]) -> TrialGrid:
    """Lay out five places by five ways to face.

    Parameters
    ----------
    name : of the grid.
    spread : (4,) how far doors may stand from the middle one: x, y, z [m] and yaw [rad].
    make : makes the door that stands (4,) away from the middle one, with an id.
    """
    offsets = [spread * np.array([*place, 0.0, yaw]) for place in _PLACES for yaw in _YAWS]
    return TrialGrid(
        name,
        instances=tuple(make(offset, f"{name}/{i}") for i, offset in enumerate(offsets)),
        rows=tuple(_place(*(100 * spread[:2] * place)) for place in _PLACES),
        columns=tuple(_signed(np.degrees(spread[3]) * yaw) for yaw in _YAWS),
        rows_are="translation x, y [cm]",
        columns_are="orientation [°]",
    )


def _place(x: float, y: float) -> str:
    return f"{_signed(x)}, {_signed(y)}"


def _signed(number: float) -> str:
    return f"{number:+.1f}" if abs(number) >= 0.05 else "0"
