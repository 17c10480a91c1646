"""All stages of a pre-training in turn, each from where it was left.

RUN/options.json                    the choices
RUN/demonstrations.safetensors      what robots that learn without vision begin with
RUN/samples/PURPOSE/                images with labels, and how each part went
RUN/pretraining.safetensors         the training, for going on
RUN/curve.jsonl                     loss and errors
RUN/vision.safetensors              the network, as robots read it
RUN/summary.json, pretraining.png, samples.png, features.png
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adgps_bringup.interrupts import Interrupts
from adgps_bringup.pretraining.collecting import collect
from adgps_bringup.pretraining.learning import begin_learning, learn, read_curve
from adgps_bringup.pretraining.outcome import measure
from adgps_bringup.pretraining.pictures import draw_features, draw_predictions, plot_curve
from adgps_bringup.pretraining.plan import PretrainOptions, jobs
from adgps_bringup.pretraining.product import folder_of, label_summary
from adgps_bringup.progress import duration
from adgps_bringup.showing import demonstrate
from adgps_bringup.stack import DEMONSTRATIONS
from adgps_bringup.summary import SCHEMA_VERSION, write_json
from adgps_core.demonstration import save_demonstrations
from adgps_core.tasks.door import CENTRE, TRAINED_HANDLES, Door
from adgps_global_worker.pretraining.run import NETWORK
from adgps_global_worker.pretraining.samples import PoseDataset

SUMMARY = "summary.json"


def pretrain(options: PretrainOptions, run: Path, device: str, interrupts: Interrupts) -> int:
    """Do what is left to do; 0 when all is done.

    Raises
    ------
    Interrupted
        If the user stopped it; what was done is kept.
    CollectingError, ValueError, OSError, DamagedCheckpointError
        If it cannot go on.
    """
    begin = time.monotonic()

    def say(line: str) -> None:
        print(f"{duration(time.monotonic() - begin):>7}  {line}", flush=True)

    demonstrations = run / DEMONSTRATIONS
    if not demonstrations.exists():
        _demonstrate(demonstrations, say)
    every = jobs(options)
    collect(options, every, run, demonstrations, say, interrupts.check)
    _use_all_cores()
    pretraining = begin_learning(options, run, device)
    stop = _Stop(interrupts)
    learn(pretraining, run, say, stop)
    stop.check()
    labels = label_summary(run, every)
    errors = {
        purpose: measure(pretraining, run, every, purpose)
        for purpose in ("held_out", "other_handle")
    }
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "task": options.task,
        "robots": options.robots,
        "seed": options.seed,
        "preset": options.preset,
        "device": device,
        "wall_clock_s": time.monotonic() - begin,
        "steps": pretraining.step,
        "labels": labels,
        "errors": errors,
    }
    held_out = PoseDataset(folder_of(run, "held_out"))
    plot_curve(run / "pretraining.png", read_curve(run), f"pre-training of {options.task}")
    draw_predictions(
        run / "samples.png",
        pretraining,
        held_out,
        options,
        "images held out: door (red) and end-effector (blue), labelled (o) and predicted (x)",
    )
    draw_features(run / "features.png", pretraining.vision, held_out, "feature points")
    write_json(run / SUMMARY, content)
    _tell(content, say)
    say(f"finished; see {run / NETWORK}")
    return 0


class _Stop:
    """A request to stop, remembered until the checkpoint is written."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._error: Exception | None = None

    def __call__(self) -> bool:
        """Whether somebody asked to stop."""
        from adgps_bringup.interrupts import Interrupted

        try:
            self._interrupts.check()
        except Interrupted as error:
            self._error = error
        return self._error is not None

    def check(self) -> None:
        """Raise what stopped it."""
        if self._error is not None:
            raise self._error


def _demonstrate(path: Path, say: Callable[[str], None]) -> None:
    """Show the door in the middle, with each handle."""
    say("demonstrations: a guide opens a door with each handle")
    task = Door()
    doors = [task.door(CENTRE, handle, f"shown/{handle}") for handle in TRAINED_HANDLES]
    save_demonstrations(path, demonstrate(task, doors))


def _use_all_cores() -> None:
    """Nothing else runs: torch may have what there is."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))


def _tell(content: dict[str, Any], say: Callable[[str], None]) -> None:
    """Print what came of it."""
    for purpose, labels in content["labels"].items():
        say(
            f"{purpose.replace('_', ' ')}: {labels['images']} images;"
            f" {labels['doors_searched']} doors searched for, {labels['refused_part']:.0%} refused,"
            f" labels off by {labels['label_error_mm']:.1f} mm"
            f" (at most {labels['label_error_worst_mm']:.1f})"
        )
    for purpose, errors in content["errors"].items():
        if errors:
            say(
                f"{purpose.replace('_', ' ')}: door {errors['door_cm']:.2f} cm"
                f" (95 %: {errors['door_95_cm']:.2f}), end-effector"
                f" {errors['end_effector_cm']:.2f} cm (95 %: {errors['end_effector_95_cm']:.2f})"
            )
