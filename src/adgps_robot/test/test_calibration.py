"""Calibrations are read as ROS's tools write them, and refused with a reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from camera_samples import CALIBRATION

from adgps_robot.camera.calibration import (
    calibration_path,
    parse_calibration,
    read_calibration,
)


def test_every_number_is_where_it_belongs() -> None:
    calibration = parse_calibration(CALIBRATION)
    assert (calibration.width, calibration.height) == (64, 48)
    assert calibration.distortion_model == "plumb_bob"
    np.testing.assert_array_equal(calibration.D, [-0.30678, 0.0825, 0.00288, -0.00016, 0.0])
    np.testing.assert_array_equal(calibration.K, [[53.8, 0, 31.7], [0, 53.9, 24.7], [0, 0, 1]])
    np.testing.assert_array_equal(calibration.R, np.eye(3))
    assert calibration.P[1].tolist() == [0, 52.5, 24.1, 0]


def test_older_files_do_not_name_the_model() -> None:
    text = CALIBRATION.replace("distortion_model: plumb_bob\n", "")
    assert parse_calibration(text).distortion_model == "plumb_bob"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: text.replace("image_width: 64", ""), "image_width is missing"),
        (
            lambda text: text.replace("image_width: 64", "image_width: wide"),
            "image_width is 'wide'",
        ),
        (lambda text: text.replace("image_height: 48", "image_height: 0"), "image_height is 0"),
        (lambda text: text.replace("plumb_bob", "guess"), "distortion_model is 'guess', known: pl"),
        (lambda text: text.replace("plumb_bob", "equidistant"), "equidistant has 5 coefficients"),
        (lambda text: text.replace("cols: 4", "cols: 5"), "projection_matrix has shape"),
        (lambda text: text.replace("53.9", ".nan"), "camera_matrix holds a number"),
        (lambda text: text.replace("53.9", "much"), "camera_matrix must have"),
        (lambda text: text.replace("53.8", "0.0"), "K has a focal length"),
        (lambda text: text.replace("rows: 3", "row: 3"), "must have rows, cols and data"),
        (lambda text: text + "]", "line"),
        (lambda text: "", "no mapping"),
        (lambda text: "- 1", "no mapping"),
        (lambda text: text.replace("[1., 0.", "[[1.], 0."), "rectification_matrix"),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[str], str], reason: str
) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(spoil(CALIBRATION))
    with pytest.raises(
        ValueError, match=rf"camera\.yaml is no camera calibration: .*({reason})"
    ) as e:
        read_calibration(path)
    assert "\n" not in str(e.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the calibration .*none\.yaml: No such file"):
        read_calibration(tmp_path / "none.yaml")


def test_what_a_yaml_library_writes_is_the_same(tmp_path: Path) -> None:
    """Camera_info_manager and camera_calibration lay the same content out differently."""
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(CALIBRATION), default_flow_style=False))
    np.testing.assert_array_equal(read_calibration(path).P, parse_calibration(CALIBRATION).P)


@pytest.mark.parametrize(
    "url", ["/a b/c.yaml", "file:///a%20b/c.yaml", "file://localhost/a b/c.yaml"]
)
def test_paths_and_file_urls_are_the_same(url: str) -> None:
    assert calibration_path(url) == Path("/a b/c.yaml")


@pytest.mark.parametrize("url", ["package://camera/c.yaml", "http://host/c.yaml", "file://host/c"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a path or a file:// URL"):
        calibration_path(url)
