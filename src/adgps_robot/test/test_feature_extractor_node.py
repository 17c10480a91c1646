"""The feature extractor over real DDS: every sound image is answered under its stamp."""

import itertools
from array import array
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from driver_stage import run_main, staged  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values  # noqa: E402
from adgps_core.vision.features import VisionNetwork  # noqa: E402
from adgps_core.vision.storage import write_network  # noqa: E402
from adgps_msgs.msg import ImageFeatures  # noqa: E402
from adgps_robot.nodes.feature_extractor import LATCHED, FeatureExtractor, main  # noqa: E402

COUNT = itertools.count(1)
SIZES = VisionArchitecture(height=20, width=24, stem_channels=2, channels=3, levels=2)


def network() -> VisionNetwork:
    """A small one, with numbers drawn at random."""
    return VisionNetwork(SIZES, initial_vision_values(SIZES, np.random.default_rng(0)))


def image_message(image: np.ndarray, second: int) -> Image:
    """Message of an RGB image."""
    height, width, _ = image.shape
    message = Image(height=height, width=width, step=3 * width, encoding="rgb8")
    message.header.stamp.sec = second
    message.header.frame_id = "camera"
    message.data = array("B", image.tobytes())
    return message


def test_each_image_is_answered_under_its_stamp(tmp_path: Path) -> None:
    """What cannot be used is counted, and the next image is answered as if nothing had been."""
    path = tmp_path / "vision.safetensors"
    write_network(path, network())
    images = np.random.default_rng(1).integers(0, 256, (3, *SIZES.image_shape), dtype=np.uint8)
    with staged(f"/eye_{next(COUNT)}", network=path) as stage:
        heard = stage.listen(ImageFeatures, "image_features")
        camera = stage.listener.create_publisher(Image, "image_raw", LATCHED)
        stage.add(FeatureExtractor())
        for second, image in enumerate(images, 1):
            if second == 2:
                broken = image_message(image, 99)
                broken.encoding = "mono16"
                camera.publish(broken)
                stage.state(DiagnosticStatus.OK, images_refused="1")
            camera.publish(image_message(image, second))
            stage.until(lambda: len(heard) == second, f"image {second}")  # noqa: B023
            assert heard[-1].header.stamp.sec == second and heard[-1].header.frame_id == "camera"
            np.testing.assert_array_equal(heard[-1].values, network().features(image))


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_without_a_sound_network_it_ends_with_one_line(
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "vision.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert run_main(main, f"network:={path}", monkeypatch) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("feature_extractor: network: ")
