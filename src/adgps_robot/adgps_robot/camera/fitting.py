"""Images of any camera in the size that a network takes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fitted(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bring an image to a size: cut evenly at two of its edges, then shrunk or enlarged.

    Parameters
    ----------
    image : (rows, columns, 3).
    height, width : of the result [pixel].

    Returns
    -------
    (height, width, 3); the image itself where it has that size already.
    """
    rows, columns, _ = image.shape
    if (rows, columns) == (height, width):
        return image
    scale = min(rows / height, columns / width)
    cut_rows, cut_columns = max(1, round(scale * height)), max(1, round(scale * width))
    top, left = (rows - cut_rows) // 2, (columns - cut_columns) // 2
    cut = np.ascontiguousarray(image[top : top + cut_rows, left : left + cut_columns])
    way = cv2.INTER_AREA if scale >= 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cut, (width, height), interpolation=way), dtype=np.uint8)
