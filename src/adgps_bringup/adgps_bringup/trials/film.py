"""A rollout as a camera has seen it: a strip of frames as PNG, all of it as an animated GIF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

STRIP = 8
"""Frames of a strip."""

_RATE = 10.0  # [Hz] of an animation, at most
_LAST = 1.5  # [s] that its last frame stays
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Frame:
    """One image.

    Parameters
    ----------
    stamp_ns : when it was taken [ns].
    image : (height, width, 3) red, green and blue.
    """

    stamp_ns: int
    image: NDArray[np.uint8]


def spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Choose frames evenly over the time of all, the first and the last among them."""
    wanted = np.linspace(frames[0].stamp_ns, frames[-1].stamp_ns, count)
    stamps = np.array([frame.stamp_ns for frame in frames])
    chosen = np.abs(stamps[:, None] - wanted).argmin(axis=0)
    return [frames[index] for index in dict.fromkeys(chosen.tolist())]


def save_strip(path: Path, frames: Sequence[Frame], title: str) -> None:
    """Draw frames of a rollout in two lines, with the time below each.

    Parameters
    ----------
    path : of the PNG.
    frames : at least one, in order.
    title : above the strip.
    """
    chosen = spread(frames, STRIP)
    figure = Figure(figsize=(9.6, 4.55), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    places = figure.subplots(2, STRIP // 2, squeeze=False).ravel()
    for axes in places:
        axes.set_axis_off()
    for axes, frame in zip(places, chosen, strict=False):
        axes.imshow(frame.image)
        seconds = (frame.stamp_ns - frames[0].stamp_ns) / _SECOND_NS
        axes.set_title(f"{seconds:.2f} s", fontsize=9, y=-0.14)
    figure.savefig(path)


def save_animation(path: Path, frames: Sequence[Frame]) -> None:
    """Write frames (at least one, in order) as a GIF that repeats, in their own time."""
    duration = (frames[-1].stamp_ns - frames[0].stamp_ns) / _SECOND_NS
    chosen = spread(frames, max(round(duration * _RATE) + 1, 1))
    lasting = np.diff([frame.stamp_ns for frame in chosen]) / 1_000_000  # [ms]
    first, *others = [Image.fromarray(frame.image) for frame in chosen]
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=[*map(round, lasting), round(1000 * _LAST)],
        loop=0,
    )
