"""A camera's calibration, from the YAML file that ROS's own tools write. No ROS.

That of `camera_calibration` and `camera_info_manager`: the matrices K (3x3), R (3x3), P (3x4) and
the distortion coefficients, for images of one size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import yaml

from adgps_core.typing import Array, frozen

_COEFFICIENTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}


@dataclass(frozen=True)
class Calibration:
    """How a camera maps points to pixels; the names are those of sensor_msgs/CameraInfo.

    Parameters
    ----------
    width, height : of the images it holds for [pixel].
    distortion_model : plumb_bob, rational_polynomial or equidistant.
    D : (n,) distortion coefficients; n depends on the model.
    K : (3, 3) intrinsic matrix of the raw images [pixel].
    R : (3, 3) rectification, a rotation.
    P : (3, 4) projection of the rectified images [pixel].

    Raises
    ------
    ValueError
        If one of them cannot be.
    """

    width: int
    height: int
    distortion_model: str
    D: Array
    K: Array
    R: Array
    P: Array

    def __post_init__(self) -> None:
        """Check, and copy the arrays."""
        for name in ("width", "height"):
            size = getattr(self, name)
            if type(size) is not int or size < 1:
                raise ValueError(f"image_{name} is {size!r}")
        counts = _COEFFICIENTS.get(self.distortion_model)
        if counts is None:
            known = ", ".join(_COEFFICIENTS)
            raise ValueError(f"distortion_model is {self.distortion_model!r}, known: {known}")
        if len(self.D) not in counts:
            raise ValueError(f"{self.distortion_model} has {len(self.D)} coefficients")
        shapes = {"D": (len(self.D),), "K": (3, 3), "R": (3, 3), "P": (3, 4)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        for name in ("K", "P"):
            matrix = getattr(self, name)
            if not (matrix[0, 0] > 0.0 and matrix[1, 1] > 0.0):
                raise ValueError(f"{name} has a focal length that is not positive")


def calibration_path(url: str) -> Path:
    """Path of a calibration, itself given or as a file:// URL; ValueError for other URLs."""
    parts = urlsplit(url)
    if not parts.scheme:
        return Path(url).expanduser()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ValueError(f"{url}: must be a path or a file:// URL")
    return Path(unquote(parts.path))


def read_calibration(path: Path) -> Calibration:
    """Read a calibration; ValueError with file and reason if it is none."""
    try:
        return parse_calibration(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read the calibration {path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{path} is no camera calibration: {line}{error.problem}") from None
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no camera calibration: {reason}") from None


def parse_calibration(text: str) -> Calibration:
    """Calibration of a file's text; ValueError or YAMLError with the reason if it is none."""
    content = yaml.safe_load(text)
    if not isinstance(content, Mapping):
        raise ValueError("no mapping")
    return Calibration(
        width=_entry(content, "image_width"),
        height=_entry(content, "image_height"),
        distortion_model=content.get("distortion_model", "plumb_bob"),  # as older files mean
        D=_matrix(content, "distortion_coefficients").reshape(-1),
        K=_matrix(content, "camera_matrix"),
        R=_matrix(content, "rectification_matrix"),
        P=_matrix(content, "projection_matrix"),
    )


def _entry(content: Mapping[str, Any], name: str) -> Any:
    if name not in content:
        raise ValueError(f"{name} is missing")
    return content[name]


def _matrix(content: Mapping[str, Any], name: str) -> Array:
    """Matrix of a mapping of rows, cols and data."""
    entry = _entry(content, name)
    try:
        rows, columns = int(entry["rows"]), int(entry["cols"])
        numbers = np.array(entry["data"], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{name} must have rows, cols and data, all of them numbers") from None
    return frozen(numbers, (rows * columns,), name).reshape(rows, columns)
