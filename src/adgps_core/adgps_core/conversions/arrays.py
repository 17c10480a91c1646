"""Flat array fields of messages, there and back, without touching single elements.

rclpy copies an ndarray element by element when it is assigned to a field, which takes 63 ms for
400 000 floats; an `array.array` of the right type is copied whole. What writes a message then reads
whatever has the buffer protocol, so that the large ones need not be copied before.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

_TYPECODES = {np.dtype(np.float64): "d", np.dtype(np.float32): "f", np.dtype(np.uint8): "B"}


@overload
def to_array(values: NDArray[np.floating]) -> array[float]: ...
@overload
def to_array(values: NDArray[np.uint8]) -> array[int]: ...
def to_array(values: NDArray[Any]) -> array[Any]:
    """Row-major copy of an array of float64, float32 or uint8; TypeError for other types."""
    if values.dtype not in _TYPECODES:
        raise TypeError(f"messages hold float64, float32 or uint8, not {values.dtype}")
    made: array[Any] = array(_TYPECODES[values.dtype])
    if values.size:
        made.frombytes(np.ascontiguousarray(values).data.cast("B"))
    return made


def lend(message: Any, field: str, values: NDArray[Any]) -> None:
    """Have a message send an array from where it is; it has to stay as it is until then.

    Two copies fewer than by `to_array` and the field's setter, which copies what it is given. Such
    a message is for sending: who reads its field finds the ndarray.

    Parameters
    ----------
    message : a new one.
    field : name of a flat array field.
    values : (n,) of the field's type.

    Raises
    ------
    TypeError
        If the field is of another type than the array.
    """
    if getattr(message, field).typecode != _TYPECODES.get(values.dtype):
        raise TypeError(f"{field} does not hold {values.dtype}")
    setattr(message, f"_{field}", np.ascontiguousarray(values))


def to_numpy(
    field: array[float],
    shape: tuple[int, ...],
    name: str,
    dtype: DTypeLike = np.float64,
) -> NDArray[Any]:
    """View of a flat array field in a shape; ValueError names the field if the length is wrong."""
    flat = np.frombuffer(field, dtype=dtype) if len(field) else np.zeros(0, dtype)
    if flat.size != math.prod(shape):
        raise ValueError(f"{name} has {flat.size} numbers, expected {shape}")
    return flat.reshape(shape)
