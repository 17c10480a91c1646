"""Images as trajectories carry them: the same at every reading, and like what the camera saw."""

import numpy as np
import pytest

from adgps_core.vision.pictures import compressed, decompressed

SHAPE = (40, 60, 3)


def scene() -> np.ndarray:
    """A red disc on a gradient from green to blue."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.stack([np.zeros(SHAPE[:2]), 4 * x, 255 - 4 * x], -1).astype(np.uint8)
    image[(y - 20) ** 2 + (x - 15) ** 2 < 100] = [220, 20, 20]
    return image


def test_a_picture_is_like_what_was_seen_and_smaller() -> None:
    """Colours in their order: red stays red."""
    file = compressed(scene())
    seen = decompressed(file, SHAPE)
    assert len(file) < scene().nbytes / 3
    assert np.abs(seen.astype(int) - scene()).mean() < 4
    np.testing.assert_array_equal(decompressed(file, SHAPE), seen)


@pytest.mark.parametrize(
    ("file", "holds"),
    [
        (b"", "none"),
        (b"not an image", "none"),
        (compressed(scene())[:100], "none"),
        (compressed(scene()[:20]), r"\(20, 60, 3\)"),
    ],
    ids=["nothing", "text", "cut", "another size"],
)
def test_a_file_without_such_an_image_is_refused(file: bytes, holds: str) -> None:
    with pytest.raises(ValueError, match=f"holds {holds}"):
        decompressed(file, SHAPE)
