"""Images of any size become the network's, without a shift and without another shape."""

import numpy as np
import pytest

from adgps_robot.camera.fitting import fitted


def test_an_image_of_the_right_size_is_left_alone() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert fitted(image, 4, 6) is image


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (100, 60), (50, 63), (1, 1)])
def test_the_middle_stays_the_middle(size: tuple[int, int]) -> None:
    """A ramp in each direction: it keeps its centre, and one slope for both."""
    rows, columns = size
    y, x = np.mgrid[:rows, :columns].astype(float)
    y, x = (y + 0.5) / rows, (x + 0.5) / columns
    image = np.stack([255 * y, 255 * x, np.full(size, 7.0)], -1).round().astype(np.uint8)
    small = fitted(image, 25, 31)
    assert small.shape == (25, 31, 3)
    assert abs(float(small[12, 15, 0]) - 127.5) < 6 and abs(float(small[12, 15, 1]) - 127.5) < 6
    if min(size) > 25:
        down = np.ptp(small[:, 15, 0].astype(float)) / 255 * rows / 24
        right = np.ptp(small[12, :, 1].astype(float)) / 255 * columns / 30
        assert down == pytest.approx(right, rel=0.05)


def test_shrinking_averages() -> None:
    """A fine chequerboard becomes grey, not a pattern of its own."""
    board = (np.indices((200, 200)).sum(0) % 2 * 255).astype(np.uint8)
    small = fitted(np.repeat(board[:, :, None], 3, axis=2), 20, 20)
    assert np.ptp(small.astype(int)) <= 2 and abs(int(small.mean()) - 127) <= 2
