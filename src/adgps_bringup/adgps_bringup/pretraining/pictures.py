"""Pictures of a pre-training: its curve, predictions in images, and what the features look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from adgps_bringup.pretraining.learning import LearningPoint, read_curve
from adgps_bringup.pretraining.plan import PretrainOptions
from adgps_bringup.pretraining.product import folder_of
from adgps_bringup.pretraining.studio import VARIATION
from adgps_core.vision.features import VisionNetwork
from adgps_global_worker.pretraining.pretrainer import Pretraining
from adgps_global_worker.pretraining.samples import PoseDataset
from adgps_sim.camera import Camera
from adgps_sim.variation import variation_of

_DOOR, _HAND = "#e0401f", "#1f5fa8"
_COLUMNS = 4


def draw_all(run: Path, pretraining: Pretraining, options: PretrainOptions) -> None:
    """Draw pretraining.png, samples.png and features.png into the folder."""
    plot_curve(run / "pretraining.png", read_curve(run), f"pre-training of {options.task}")
    images = PoseDataset(folder_of(run, "held_out"))
    title = "images held out: door (red), end-effector (blue); labelled (o), predicted (x)"
    draw_predictions(run / "samples.png", pretraining, images, options, title)
    draw_features(run / "features.png", pretraining.vision, images, "feature points")


def plot_curve(path: Path, curve: Sequence[LearningPoint], title: str) -> None:
    """Draw loss and errors over gradient steps."""
    figure, (left, right) = _figure(2, (9.6, 3.8), title)
    steps = [point.step for point in curve]
    left.plot(steps, [point.loss for point in curve], color="0.25")
    left.set_ylabel("loss")
    right.plot(steps, [point.object_cm for point in curve], color=_DOOR, label="door")
    right.plot(steps, [point.end_effector_cm for point in curve], color=_HAND, label="end-effector")
    right.set_ylabel("error on images held out [cm]")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_xlabel("gradient steps")
        axes.set_yscale("log")
        axes.grid(True, which="both", color="0.88", linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.savefig(path)


def draw_predictions(
    path: Path, pretraining: Pretraining, data: PoseDataset, options: PretrainOptions, title: str
) -> None:
    """Draw points of door and end-effector into some images: circles labelled, crosses predicted.

    Parameters
    ----------
    path : of the picture.
    pretraining : what predicts.
    data : images, of which some are chosen evenly.
    options : of the pre-training, whose robots' cameras take end-effectors into their images.
    title : above the picture.
    """
    chosen = _evenly(len(data), 3 * _COLUMNS)
    objects, end_effectors = pretraining.predict(data, chosen)
    figure, panels = _figure(len(chosen), (12.8, 7.9), title)
    for row, index in enumerate(chosen):
        robot = int(data.robots[index])
        axes = panels[row]
        _show(axes, data.images(np.array([index]))[0], f"robot_{robot + 1}")
        camera = _camera(options, robot)
        pairs = (
            (_DOOR, data.object_points[index], objects[row], camera.pixels),
            (_HAND, data.end_effector_points[index], end_effectors[row], camera.project),
        )
        for colour, label, predicted, pixels in pairs:
            u, v = pixels(label.reshape(3, 3).astype(float)).T
            axes.scatter(u, v, 28, marker="o", edgecolors=colour, facecolors="none")
            u, v = pixels(predicted.reshape(3, 3).astype(float)).T
            axes.scatter(u, v, 28, marker="x", color=colour)
    figure.savefig(path)


def draw_features(path: Path, network: VisionNetwork, data: PoseDataset, title: str) -> None:
    """Draw the feature points into some images, each in a colour of its own."""
    from matplotlib import colormaps

    chosen = _evenly(len(data), 3 * _COLUMNS)
    figure, panels = _figure(len(chosen), (12.8, 7.9), title)
    colours = colormaps["hsv"](np.linspace(0.0, 1.0, network.architecture.channels, endpoint=False))
    rows, columns = network.architecture.map_size
    for axes, image in zip(panels, data.images(chosen), strict=False):
        x, y = network.points(image).reshape(-1, 2).T
        _show(axes, image, "")
        # Column i of the last maps is centred on the image's column 2 i.
        axes.scatter(x=(x + 1) * (columns - 1), y=(y + 1) * (rows - 1), s=18, c=colours, ec="black")
    figure.savefig(path)


def _camera(options: PretrainOptions, robot: int) -> Camera:
    """The camera of a robot, which looks at nothing."""
    variation = variation_of(options.robot_seed(robot), VARIATION)
    assert variation is not None
    return Camera(-1, variation.camera)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def _figure(count: int, size: tuple[float, float], title: str) -> tuple[Figure, list[Axes]]:
    """Make a figure with that many panels."""
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    columns = min(count, _COLUMNS)
    panels = figure.subplots(-(-count // columns), columns, squeeze=False)
    for axes in panels.ravel()[count:]:
        axes.axis("off")
    return figure, list(panels.ravel()[:count])


def _show(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image)
    axes.set_title(title, fontsize=8)
    axes.set_xlim(0, image.shape[1])
    axes.set_ylim(image.shape[0], 0)
    axes.axis("off")
