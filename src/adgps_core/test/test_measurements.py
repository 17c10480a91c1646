"""An IMU's measurement: one row for one orientation, and nothing that is none."""

from types import SimpleNamespace

import numpy as np
import pytest

from adgps_core.conversions.sensors import imu_row_from_msg, rgb_from_msg
from adgps_core.measurements import DIM_IMU, imu_row

RATE, FORCE = (0.1, 0.2, 0.3), (1.0, 2.0, 9.0)


def test_one_orientation_has_one_row() -> None:
    """q, -q and any multiple of them are the same; w is not negative, the length is one."""
    q = np.array([0.5, -0.1, 0.7, -0.3])
    row = imu_row(q, RATE, FORCE)
    assert row.shape == (DIM_IMU,) and row[3] > 0
    assert np.linalg.norm(row[:4]) == pytest.approx(1.0)
    np.testing.assert_allclose(row, imu_row(-3.0 * q, RATE, FORCE))
    np.testing.assert_array_equal(row[4:], [*RATE, *FORCE])


def test_a_message_has_the_same_order() -> None:
    """Axes in alphabetical order, as ROS has them."""
    message = SimpleNamespace(
        orientation=SimpleNamespace(x=0.0, y=0.6, z=0.0, w=0.8),
        angular_velocity=SimpleNamespace(**dict(zip("xyz", RATE, strict=True))),
        linear_acceleration=SimpleNamespace(**dict(zip("xyz", FORCE, strict=True))),
    )
    np.testing.assert_allclose(imu_row_from_msg(message), [0, 0.6, 0, 0.8, *RATE, *FORCE])


def test_what_is_no_reading_is_refused() -> None:
    """Numbers that are not finite, no orientation at all, or of another length."""
    for orientation, rate in (
        ((0.0, 0.0, 0.0, 0.0), RATE),
        ((0.0, 0.0, 0.0, 1.0), (0.0, float("nan"), 0.0)),
        ((0.0, 0.0, 1.0), RATE),
    ):
        with pytest.raises(ValueError, match="reading"):
            imu_row(orientation, rate, FORCE)


def image_message(encoding: str = "rgb8", **fields: object) -> SimpleNamespace:
    """Two rows of three pixels, counted, and a byte of padding behind each row."""
    rows = [bytes([*range(9), 99]), bytes([*range(9, 18), 99])]
    content = {"height": 2, "width": 3, "step": 10, "encoding": encoding, "data": b"".join(rows)}
    return SimpleNamespace(**content | fields)


def test_an_image_is_red_green_blue_without_its_padding() -> None:
    np.testing.assert_array_equal(
        rgb_from_msg(image_message()), np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    )
    np.testing.assert_array_equal(
        rgb_from_msg(image_message("bgr8"))[:, :, ::-1], rgb_from_msg(image_message())
    )


@pytest.mark.parametrize(
    "message",
    [
        image_message("mono8"),
        image_message(step=8),
        image_message(height=3),
        image_message(height=0, data=b""),
    ],
)
def test_what_is_no_image_is_refused(message: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="image"):
        rgb_from_msg(message)
