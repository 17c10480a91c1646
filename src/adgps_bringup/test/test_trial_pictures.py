"""Pictures of trials: they hold what they shall, whatever is known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trial_samples import GRID, result

from adgps_bringup.trials.film import STRIP, Frame, save_animation, save_strip, spread
from adgps_bringup.trials.plots import plot_trials
from adgps_bringup.trials.report import summarise

SECOND_NS = 1_000_000_000


def frames(count: int, period_ns: int = SECOND_NS // 20) -> list[Frame]:
    """Images that get brighter, at 20 Hz, not from 0 on."""
    return [
        Frame(7 * SECOND_NS + i * period_ns, np.full((25, 31, 3), 2 * i, dtype=np.uint8))
        for i in range(count)
    ]


@pytest.mark.parametrize("known", [True, False, None])
@pytest.mark.parametrize("count", [1, 9])
def test_the_figure_is_drawn(tmp_path: Path, known: bool | None, count: int) -> None:
    """Also of a single trial, of all failures, and where success is unknown."""
    path = tmp_path / "trials.png"
    results = [result("robot_1", number, known) for number in range(count)]
    plot_trials(path, summarise(GRID, results), "title")
    with Image.open(path) as image:
        assert image.size[0] > 1000
        assert np.asarray(image.convert("L")).std() > 10


def test_a_better_cell_is_drawn_in_another_colour(tmp_path: Path) -> None:
    pictures = []
    for succeeded in (True, False):
        path = tmp_path / "trials.png"
        results = [result("robot_1", number, succeeded or number > 0) for number in range(6)]
        plot_trials(path, summarise(GRID, results), "title")
        with Image.open(path) as image:
            pictures.append(np.asarray(image.convert("RGB")).astype(int))
    assert (pictures[0] != pictures[1]).any(axis=-1).mean() > 0.01


def test_frames_are_chosen_evenly_in_time() -> None:
    """The first and the last always; where images are missing, the nearest."""
    chosen = spread(frames(121), 9)
    assert [frame.stamp_ns - 7 * SECOND_NS for frame in chosen] == [
        round(0.75 * i * SECOND_NS) for i in range(9)
    ]
    few = frames(3)
    assert spread(few, 9) == few
    gap = [*frames(40), frames(121)[-1]]
    assert spread(gap, 3)[0] == gap[0] and spread(gap, 3)[-1] == gap[-1]


@pytest.mark.parametrize("count", [1, STRIP - 1, 121])
def test_films_last_as_long_as_the_rollout(tmp_path: Path, count: int) -> None:
    save_strip(tmp_path / "film.png", frames(count), "title")
    save_animation(tmp_path / "film.gif", frames(count))
    with Image.open(tmp_path / "film.png") as image:
        assert image.size[0] > 1000
    with Image.open(tmp_path / "film.gif") as film:
        assert film.size == (31, 25)
        durations = []
        for index in range(film.n_frames):
            film.seek(index)
            durations.append(film.info["duration"])
        brightness = int(np.asarray(film.convert("L")).mean())
    assert sum(durations[:-1]) == pytest.approx(50 * (count - 1), abs=10)
    assert durations[-1] == 1500
    assert brightness == pytest.approx(2 * (count - 1), abs=2), "it ends with the last image"
