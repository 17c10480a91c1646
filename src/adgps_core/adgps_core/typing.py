"""Array types used in signatures; shapes stand in the docstrings."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


def frozen(values: object, shape: tuple[int, ...], name: str) -> Array:
    """Copy values into a read-only float64 array of the given shape.

    Raises
    ------
    ValueError
        If the shape differs or a number is not finite; the message says which field.
    """
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")
    array.flags.writeable = False
    return array


def all_finite(values: Array32) -> bool:
    """Whether no number of a vector is NaN or infinite.

    A finite sum of squares tells in a third of the time; one that overflows tells nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values @ values) or np.isfinite(values).all())
