"""Hyper-parameters of the experiment, a ROS parameter file laid over the task's own."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from adgps_bringup.experiments.scaling.plan import NETWORKS, PlannedRun

STATE_RATE = 40.0
"""Joint states a second [Hz]: two for each tick of the controller; the physics step at 240 Hz all
the same. A tick acts on a state of the same instant at this rate as it does at 60 or 120 Hz, and
eight robots leave more of two cores to those who learn."""

INITIAL_LOG_VARIANCE = 0.0
"""Wider than the task's own. BADMM ties local policies to the global one by ν KL(p || π), the more
tightly the surer of itself π is; with few steps of SGD for a rollout it had better not be sure
while it is far off. Algorithm 1 too learns sooner so."""

PRIORITY = 1
"""Real-time priority of simulators with controllers, where it is allowed: the lowest."""


def prompt_allowed() -> bool:
    """Whether this user may run something under SCHED_FIFO."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def parameters(run: PlannedRun, prompt: bool) -> dict[str, dict[str, dict[str, object]]]:
    """Parameters by node, as a ROS parameter file has them.

    Parameters
    ----------
    run : that they are for.
    prompt : whether simulators and controllers may come before everything else.
    """
    least, most = run.steps_per_rollout
    content: dict[str, dict[str, object]] = {
        "/param_server": {
            "hidden": list(NETWORKS[run.network]),
            "initial_log_variance": INITIAL_LOG_VARIANCE,
        },
        "/**/local_worker": {
            "samples": run.samples,
            "alternations": run.gps.alternations,
            "min_steps_per_rollout": least,
        },
        "/**/global_worker": {
            "steps_per_round": run.gps.steps,
            "min_steps_per_rollout": least,
            "max_steps_per_rollout": most,
        },
        "/**/sim_robot": {"state_rate": STATE_RATE},
    }
    if prompt and run.factor > 0:
        content["/**/torque_controller"] = {"realtime_priority": PRIORITY}
    return {node: {"ros__parameters": values} for node, values in content.items()}


def overlay_path(run: PlannedRun, folder: Path) -> Path:
    """Parameter file of a run in a folder."""
    return folder / f"{run.name}.yaml"


def was_prompt(run: PlannedRun, folder: Path) -> bool:
    """Whether a run's simulators and controllers came before everything else."""
    return "realtime_priority" in overlay_path(run, folder).read_text(encoding="utf-8")


def write_overlay(run: PlannedRun, folder: Path) -> None:
    """Write the parameter file of a run into a folder."""
    path = overlay_path(run, folder)
    path.write_text(
        yaml.safe_dump(parameters(run, prompt_allowed()), sort_keys=False), encoding="utf-8"
    )
