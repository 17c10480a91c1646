"""Array fields of messages hold exactly the numbers of the array, and are not copied one by one."""

import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from adgps_core.conversions.arrays import lend, to_array, to_numpy
from adgps_msgs import msg
from adgps_msgs.srv import PushGradient

_SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)


@settings(max_examples=50)
@given(st.sampled_from(["f8", "f4", "u1"]).flatmap(lambda dtype: hnp.arrays(dtype, _SHAPES)))
def test_there_and_back_is_exact(values: NDArray[Any]) -> None:
    """Every bit, NaN and infinity included, in any shape."""
    back = to_numpy(to_array(values), values.shape, "values", values.dtype)
    assert (back.dtype, back.shape) == (values.dtype, values.shape)
    assert back.tobytes() == values.tobytes()


def test_fields_are_row_major_whatever_the_layout() -> None:
    """A transposed or strided view is written as it reads, not as it lies in memory."""
    numbers = np.arange(12.0).reshape(3, 4)
    assert to_array(numbers.T).tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert to_array(numbers[:, ::2]).tolist() == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize(
    ("message", "name", "dtype"),
    [
        (msg.LocalPolicy, "gain", np.float64),
        (msg.Trajectory, "states", np.float64),
        (msg.PolicyParameters, "values", np.float32),
        (Image, "data", np.uint8),
    ],
)
def test_a_field_takes_the_array_as_a_whole(message: type, name: str, dtype: type) -> None:
    """At least ten times faster than element by element; it is hundreds."""
    made = message()
    numbers = np.arange(50_000).astype(dtype)

    def shortest(convert: Callable[[NDArray[Any]], Any]) -> float:
        durations = []
        for _ in range(5):
            start = time.perf_counter()
            setattr(made, name, convert(numbers))
            durations.append(time.perf_counter() - start)
        return min(durations)

    assert 10 * shortest(to_array) < shortest(lambda array: array)
    np.testing.assert_array_equal(getattr(made, name), numbers)


@settings(max_examples=50)
@given(hnp.arrays(np.float32, st.integers(0, 20)), st.integers(1, 3))
def test_a_lent_array_is_sent_as_a_copied_one(values: NDArray[Any], step: int) -> None:
    """To the bit, whatever its layout; the message that carries it may be part of another."""
    values.flags.writeable = False
    message = PushGradient.Response()
    lend(message.parameters, "values", values[::step])
    received = deserialize_message(serialize_message(message), PushGradient.Response)
    assert received.parameters.values.tobytes() == values[::step].tobytes()


def test_lending_copies_nothing() -> None:
    """What the array becomes until the message is sent is what is sent."""
    message, numbers = msg.PolicyParameters(), np.zeros(3, np.float32)
    lend(message, "values", numbers)
    numbers[1] = 7.0
    written = serialize_message(message)
    assert deserialize_message(written, msg.PolicyParameters).values.tolist() == [0.0, 7.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float64, np.int32, ">f4"])
def test_a_field_of_another_type_is_not_lent_to(dtype: Any) -> None:
    """Its numbers would be read as others."""
    message = msg.PolicyParameters()
    with pytest.raises(TypeError, match="values does not hold"):
        lend(message, "values", np.zeros(3, dtype))
    assert len(message.values) == 0


def test_reading_copies_nothing() -> None:
    """What is returned is a view of the field."""
    field = array("d", [1.0, 2.0, 3.0, 4.0])
    view = to_numpy(field, (2, 2), "values")
    field[3] = 9.0
    assert view[1, 1] == 9.0


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float16, np.bool_, object, ">f8", ">f4"])
def test_other_types_are_refused(dtype: Any) -> None:
    """They would be read as other numbers."""
    with pytest.raises(TypeError, match="messages hold float64, float32 or uint8, not"):
        to_array(np.zeros(3, dtype))


@given(st.integers(0, 30), _SHAPES)
def test_a_wrong_length_is_refused_by_name(length: int, shape: tuple[int, ...]) -> None:
    """Exactly the lengths that differ from the shape's, empty fields included."""
    field = array("d", [0.0] * length)
    if length == int(np.prod(shape)):
        assert to_numpy(field, shape, "stamps").shape == shape
    else:
        with pytest.raises(ValueError, match=f"stamps has {length} numbers, expected"):
            to_numpy(field, shape, "stamps")


def test_sizes_too_large_for_a_machine_word_are_refused() -> None:
    """Their product does not wrap round to a length that fits."""
    with pytest.raises(ValueError, match="gain has 0 numbers"):
        to_numpy(array("d"), (2**32, 2**32), "gain")
