"""The door experiment as stages, and its two sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from adgps_bringup.commands.evaluate_trials import FOLDER as TRIALS
from adgps_bringup.commands.evaluate_trials import SUMMARY
from adgps_bringup.description import VISION, share_out
from adgps_bringup.experiments.stages import Stage
from adgps_bringup.pretraining.plan import OPTIONS
from adgps_bringup.trials.log import SETTINGS
from adgps_core.tasks import make_task

TASK = "door"
ROBOTS = 4

DEMONSTRATIONS, PRETRAINING = "demonstrations", "pretraining"
COLLECTIVE, SINGLE = "collective", "single"
"""Folders of the two runs: four robots and three handles, one robot and one handle."""

HELD_OUT, LOWERED, AWAY = "held_out", "lowered", "away"
"""Evaluations: the handle that nobody has practised, and with the cameras moved."""


@dataclass(frozen=True)
class Preset:
    """Size of the experiment.

    Parameters
    ----------
    name : of this size, and of the pre-training's.
    trials : for each robot on the held-out handle.
    moved_trials : for each robot with its camera moved.
    overrides : parameters of the local workers in place of the task's own.
    instances : number of training instances for each robot; 0: all.
    minutes : about how long pre-training, training and a hundred trials take on two cores.
    """

    name: str
    trials: int
    moved_trials: int
    overrides: tuple[tuple[str, object], ...]
    instances: int
    minutes: tuple[float, float, float]


PRESETS = {
    "full": Preset("full", 50, 13, (), 0, (15.0, 40.0, 1.5)),
    "quick": Preset(
        "quick",
        1,
        1,
        (("phases", ["badmm+pi2:1", "mdgps+pi2:1"]), ("samples", 2)),
        1,
        (0.5, 1.0, 3.0),
    ),
}


def plan(folder: Path, preset: Preset, seed: int, device: str | None = None) -> tuple[Stage, ...]:
    """Lay out the stages.

    Parameters
    ----------
    folder : of the experiment.
    preset : how large.
    seed : of everything random.
    device : for pre-training; None leaves it the choice.
    """
    demo, pretraining = folder / DEMONSTRATIONS, folder / PRETRAINING
    pretrain, train, hundred = preset.minutes
    on_device = ("--device", device) if device else ()
    chosen = ("--robots", str(ROBOTS), "--seed", str(seed), "--preset", preset.name)
    collective, single = folder / COLLECTIVE, folder / SINGLE
    only = ("--instance", *practised(ROBOTS, preset)) if preset.instances else ()
    return (
        Stage(
            "demonstrations",
            ("record", "--demo", str(demo), "--task", TASK, "--real-time-factor", "4", *only),
            folder=demo,
            product=demo / "metadata.yaml",
            minutes=0.5,
        ),
        Stage(
            "pre-training",
            ("pretrain", TASK, "--out", str(pretraining), "--demo", str(demo), *chosen, *on_device),
            folder=pretraining,
            product=pretraining / VISION,
            minutes=pretrain,
            go_on=("pretrain", "--resume", str(pretraining), *on_device),
            begun=pretraining / OPTIONS,
        ),
        _training(folder, COLLECTIVE, ROBOTS, preset, seed, train),
        _trials(collective, HELD_OUT, ROBOTS, preset.trials, (), hundred),
        *(
            _trials(collective, name, ROBOTS, preset.moved_trials, ("--camera", name), hundred)
            for name in (LOWERED, AWAY)
        ),
        # One robot makes as many rollouts, but with one process where four share two cores.
        _training(folder, SINGLE, 1, preset, seed, 2 * train),
        # The same trials on the same robots: three of the four are strange to its policy.
        _trials(single, HELD_OUT, ROBOTS, preset.trials, (), hundred),
    )


def practised(robots: int, preset: Preset) -> tuple[str, ...]:
    """Ids of the instances that are trained on.

    One robot alone practises what the first of four does: the poses of one handle.
    """
    every = [instance.id for instance in make_task(TASK).instances("training")]
    shares = share_out(every, ROBOTS)[:robots]
    count = preset.instances or len(shares[0])
    return tuple(share[i] for i in range(count) for share in shares)


def parameters(robots: int, preset: Preset, samples: int) -> dict[str, object]:
    """Parameters of the local workers in place of the task's own.

    Parameters
    ----------
    robots : that practise; fewer have as much more to do in each iteration, so that the number of
        all rollouts is the same.
    preset : of the experiment.
    samples : rollouts of an instance in each iteration with all robots, by the task's own files.
    """
    found = dict(preset.overrides)
    samples = int(str(found.get("samples", samples)))
    if robots < ROBOTS:
        found["samples"] = samples * ROBOTS // robots
    return found


def write_parameters(path: Path, local_worker: dict[str, object]) -> None:
    """Write a ROS parameter file."""
    content = {"/**/local_worker": {"ros__parameters": local_worker}}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def parameter_file(folder: Path, run: str) -> Path:
    """Where the parameters of a run are written."""
    return folder / f"{run}.yaml"


def _training(
    folder: Path, run: str, robots: int, preset: Preset, seed: int, minutes: float
) -> Stage:
    path = folder / run
    own = parameters(robots, preset, 1)
    config = ("--config", str(parameter_file(folder, run))) if own else ()
    return Stage(
        f"{run} training",
        (
            *("train", TASK, "--method", "mdgps", "--optimizer", "pi2", "--robots", str(robots)),
            *("--instance", *practised(robots, preset), "--seed", str(seed), "--run", str(path)),
            *("--demo", str(folder / DEMONSTRATIONS)),
            *("--vision", str(folder / PRETRAINING / VISION)),
            *config,
        ),
        folder=path,
        product=path / "summary.json",
        minutes=minutes,
        go_on=("train", TASK, "--run", str(path), "--resume"),
        begun=path / "config.yaml",
    )


def _trials(
    run: Path, name: str, robots: int, trials: int, camera: tuple[str, ...], hundred: float
) -> Stage:
    arguments = (
        *("evaluate", str(run), "--trials", str(trials), "--robots", str(robots)),
        *("--name", name, *camera),
    )
    made = run / TRIALS / name
    return Stage(
        f"{run.name} {name}",
        arguments,
        folder=made,
        product=made / SUMMARY,
        minutes=hundred * robots * trials / 100,
        go_on=arguments,
        begun=made / SETTINGS,
    )
