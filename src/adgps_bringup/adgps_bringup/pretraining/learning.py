"""Train the network on what was collected, and keep the curve."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from adgps_bringup.pretraining.plan import PretrainOptions
from adgps_bringup.pretraining.product import folder_of
from adgps_core.vision.architecture import VisionArchitecture
from adgps_global_worker.pretraining.pretrainer import Pretraining, PretrainingSettings
from adgps_global_worker.pretraining.run import PretrainingProgress, run_pretraining
from adgps_global_worker.pretraining.samples import PoseDataset

CURVE = "curve.jsonl"
PERIOD = 15.0
"""Time between two checkpoints [s]."""


@dataclass(frozen=True)
class LearningPoint:
    """The training after some steps: mean loss since the point before, errors held out [cm]."""

    step: int
    loss: float
    object_cm: float
    end_effector_cm: float


def begin_learning(options: PretrainOptions, run: Path, device: str) -> Pretraining:
    """Open the images, and make the network as it is at first.

    Raises
    ------
    ValueError
        If there are no images, since no door was found in any.
    """
    amounts = options.amounts
    settings = PretrainingSettings(
        steps=amounts.steps, batch_size=amounts.batch_size, seed=options.seed
    )
    try:
        images = PoseDataset(folder_of(run, "training"))
        held_out = PoseDataset(folder_of(run, "held_out"))
    except FileNotFoundError as error:
        raise ValueError(f"no door was found in any image: {error}") from None
    return Pretraining(settings, VisionArchitecture(), images, held_out, device)


def learn(
    pretraining: Pretraining,
    run: Path,
    say: Callable[[str], None],
    stopped: Callable[[], bool],
) -> bool:
    """Train until all steps are done, from the checkpoint if there is one; whether they are."""
    path = run / CURVE

    def report(progress: PretrainingProgress) -> None:
        say(f"training: {progress}")
        error = progress.error
        point = LearningPoint(progress.step, progress.loss, error.object_cm, error.end_effector_cm)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(point)) + "\n")

    return run_pretraining(pretraining, run, report, PERIOD, stopped)


def read_curve(run: Path) -> list[LearningPoint]:
    """Points of the training in order; what was done twice counts as it was done last."""
    points: dict[int, LearningPoint] = {}
    path = run / CURVE
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            point = LearningPoint(**json.loads(line))
        except (TypeError, ValueError):
            continue  # it was cut short
        points = {step: kept for step, kept in points.items() if step < point.step}
        points[point.step] = point
    return list(points.values())
