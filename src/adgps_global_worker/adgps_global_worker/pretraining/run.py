"""Pre-train until all steps are done, with checkpoints and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adgps_core.vision.storage import write_network
from adgps_global_worker.pretraining.pose_error import PoseError
from adgps_global_worker.pretraining.pretrainer import Pretraining

CHECKPOINT = "pretraining.safetensors"
NETWORK = "vision.safetensors"


@dataclass(frozen=True)
class PretrainingProgress:
    """How far a training is.

    Parameters
    ----------
    step, steps : done, and in all.
    loss : mean since the report before.
    error : on the samples held out.
    eta_s : time that the rest will take at the present pace [s].
    """

    step: int
    steps: int
    loss: float
    error: PoseError
    eta_s: float

    def __str__(self) -> str:
        """Render as one line."""
        error, eta = self.error, round(self.eta_s)
        return (
            f"step {self.step}/{self.steps}  loss {self.loss:.4g}"
            f"  held out: object {error.object_cm:.2f} cm (95 %: {error.object_worst_cm:.2f}),"
            f" end-effector {error.end_effector_cm:.2f} cm"
            f" (95 %: {error.end_effector_worst_cm:.2f})"
            f"  ETA {eta // 60}:{eta % 60:02}"
        )


def run_pretraining(
    pretraining: Pretraining,
    folder: Path,
    report: Callable[[PretrainingProgress], None],
    period_s: float = 60.0,
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Train, from the checkpoint in the folder if there is one.

    Parameters
    ----------
    pretraining : what to train; at its first step.
    folder : gets the checkpoint, and at the end the network as robots read it.
    report : called with the progress after every period, and at the end.
    period_s : time between two checkpoints, each with a report [s].
    stopped : asked after every step; training ends then, with a checkpoint.
    clock : a steady one [s].

    Returns
    -------
    Whether all steps are done.

    Raises
    ------
    DamagedCheckpointError, ValueError
        If the checkpoint is not one to go on from; `Pretraining.read` says when.
    FloatingPointError
        If training diverges; the checkpoint stays as it was.
    OSError
        If the folder cannot be written.
    """
    if (folder / CHECKPOINT).exists():
        pretraining.read(folder / CHECKPOINT)
    begin, first = clock(), pretraining.step
    due = begin + period_s
    losses: list[float] = []  # since the last report

    def save() -> None:
        pretraining.write(folder / CHECKPOINT)
        pace = (clock() - begin) / max(1, pretraining.step - first)
        report(_progress(pretraining, losses, pace))
        losses.clear()

    while not pretraining.finished and not stopped():
        losses.append(pretraining.advance())
        if clock() >= due:
            save()
            due = clock() + period_s
    if losses or pretraining.step == first:
        save()
    if pretraining.finished:
        write_network(folder / NETWORK, pretraining.vision)
    return pretraining.finished


def _progress(pretraining: Pretraining, losses: list[float], pace: float) -> PretrainingProgress:
    steps = pretraining.settings.steps
    mean = sum(losses) / len(losses) if losses else math.nan
    left = pace * (steps - pretraining.step)
    return PretrainingProgress(pretraining.step, steps, mean, pretraining.error(), left)
