"""What is frozen is whole, finite, and nobody's to change."""

import numpy as np
import pytest

from adgps_core.typing import all_finite, frozen


def test_a_frozen_array_is_a_copy_that_cannot_be_written() -> None:
    """Whoever made the array cannot change it afterwards, nor can whoever gets it."""
    source = np.arange(6, dtype=np.float32).reshape(2, 3)
    array = frozen(source, (2, 3), "values")
    source[0, 0] = 99.0
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3))
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1.0


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 3), (), (3, 3)])
def test_another_shape_is_refused_by_name(shape: tuple[int, ...]) -> None:
    """Nothing is broadcast or reshaped on the way."""
    with pytest.raises(ValueError, match=r"velocities has shape .*, expected \(3,\)"):
        frozen(np.zeros(shape), (3,), "velocities")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 4])
def test_a_number_that_is_not_finite_is_refused_by_name(value: float, place: int) -> None:
    """Wherever it stands."""
    values = np.zeros(5)
    values[place] = value
    with pytest.raises(ValueError, match="velocities holds a number that is not finite"):
        frozen(values, (5,), "velocities")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_finite_vectors_are_told_from_others(value: float) -> None:
    """Also where the sum of squares overflows."""
    for scale in (0.0, 1.0, 1e30):
        values = np.full(1000, scale, np.float32)
        assert all_finite(values)
        values[567] = value
        assert not all_finite(values)
