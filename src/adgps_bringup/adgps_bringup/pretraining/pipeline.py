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

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adgps_bringup.description import DEMONSTRATIONS
from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.pretraining.collecting import collect
from adgps_bringup.pretraining.learning import begin_learning, learn
from adgps_bringup.pretraining.outcome import describe, summarise
from adgps_bringup.pretraining.pictures import draw_all
from adgps_bringup.pretraining.plan import PretrainOptions, jobs
from adgps_bringup.progress import duration
from adgps_bringup.showing import demonstrate
from adgps_bringup.summary import write_json
from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.demonstration import save_demonstrations
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE, TRAINED_HANDLES
from adgps_global_worker.pretraining.device import use_all_cores
from adgps_global_worker.pretraining.pretrainer import Pretraining
from adgps_global_worker.pretraining.run import NETWORK

SUMMARY = "summary.json"


class PretrainingError(RuntimeError):
    """A pre-training cannot go on; the message says why."""


def pretrain(options: PretrainOptions, run: Path, device: str, interrupts: Interrupts) -> int:
    """Do what is left to do; 0 when all is done.

    Raises
    ------
    Interrupted
        If the user stopped it; what was done is kept.
    PretrainingError, CollectingError, ValueError, OSError
        If it cannot go on.
    """
    try:
        _pretrain(options, run, device, interrupts)
    except DamagedCheckpointError as error:
        raise PretrainingError(f"{error}: remove it, and --resume makes it anew") from error
    except FloatingPointError as error:
        raise PretrainingError(str(error)) from error
    return 0


def _pretrain(options: PretrainOptions, run: Path, device: str, interrupts: Interrupts) -> None:
    begin = time.monotonic()
    seconds: dict[str, float] = {}

    def say(line: str) -> None:
        print(f"{duration(time.monotonic() - begin):>7}  {line}", flush=True)

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        seconds[name] = time.monotonic() - started
        interrupts.check()

    every = jobs(options)
    with stage("demonstrations"):
        _show(run / DEMONSTRATIONS, say)
    with stage("images"):
        collect(options, every, run, run / DEMONSTRATIONS, say, interrupts.check)
    use_all_cores()
    with stage("training"):
        pretraining = begin_learning(options, run, device)
        _learn(pretraining, run, say, interrupts)
    with stage("outcome"):
        content = summarise(pretraining, options, run, every)
        draw_all(run, pretraining, options)
    write_json(run / SUMMARY, {**content, "device": device, "seconds_of_last_part": seconds})
    for line in describe(content):
        say(line)
    say(f"finished; see {run / NETWORK}")


def _show(path: Path, say: Callable[[str], None]) -> None:
    """Have the door in the middle demonstrated with each handle, if nothing was."""
    if path.exists():
        return
    say("demonstrations: a guide opens a door with each handle")
    task = Door()
    doors = [task.door(CENTRE, handle, f"shown/{handle}") for handle in TRAINED_HANDLES]
    save_demonstrations(path, demonstrate(task, doors))


def _learn(
    pretraining: Pretraining, run: Path, say: Callable[[str], None], interrupts: Interrupts
) -> None:
    """Train; Interrupted is raised only when the checkpoint is written."""
    asked: list[Interrupted] = []

    def stopped() -> bool:
        try:
            interrupts.check()
        except Interrupted as error:
            asked.append(error)
        return bool(asked)

    learn(pretraining, run, say, stopped)
    if asked:
        raise asked[0]
