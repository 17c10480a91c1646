"""Hyper-parameters of the experiment, a ROS parameter file laid over the task's own."""

from __future__ import annotations

from pathlib import Path

import yaml

from adgps_bringup.experiments.scaling.plan import NETWORKS, PlannedRun

STATE_RATE = 60.0
"""Joint states a second [Hz]: three for each tick of the controller; the physics step at 240 Hz all
the same. A tick acts on a state of the same instant at this rate as it does at twice of it, and
eight robots leave more of two cores to those who learn."""


def parameters(run: PlannedRun) -> dict[str, dict[str, dict[str, object]]]:
    """Parameters by node, as a ROS parameter file has them."""
    content: dict[str, dict[str, object]] = {
        "/param_server": {"hidden": list(NETWORKS[run.network])},
        "/**/local_worker": {"samples": run.samples, "alternations": run.gps.alternations},
        "/**/global_worker": {"steps_per_round": run.gps.steps},
        "/**/sim_robot": {"state_rate": STATE_RATE},
    }
    return {node: {"ros__parameters": values} for node, values in content.items()}


def write_overlay(run: PlannedRun, path: Path) -> None:
    """Write the parameter file of a run."""
    path.write_text(yaml.safe_dump(parameters(run), sort_keys=False), encoding="utf-8")
