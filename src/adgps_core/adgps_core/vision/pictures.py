"""Images as trajectories carry them: small enough to be sent and remembered by the hundred."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGE_FORMAT = "rgb8; jpeg compressed bgr8"
"""As image_transport names it: what it was, and how its file holds it."""

_QUALITY = 95


def compressed(image: NDArray[np.uint8]) -> bytes:
    """File of an RGB image (height, width, 3): about 10 kB of the 235 kB that figure 8 takes."""
    done, file = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    assert done
    return file.tobytes()


def decompressed(file: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """RGB image of a shape (height, width, 3); ValueError if the file holds no such."""
    found = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) if file else None
    if found is None or found.shape != shape:
        what = "none" if found is None else str(found.shape)
        raise ValueError(f"the file of an image of {shape} holds {what}")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8)
