"""summary.json: what a run was and what came of it, in a format that others may rely on.

Readers ignore keys that they do not know; a key that changes its meaning changes the version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adgps_bringup.options import StackOptions
from adgps_bringup.training_state import CurvePoint
from adgps_core.phases import Phase

SCHEMA_VERSION = 1


def build(
    options: StackOptions,
    phases: Sequence[Phase],
    *,
    wall_clock_s: float,
    iterations: int,
    rollouts: int,
    policy_version: str,
    utilization: Mapping[str, float],
    metrics: Mapping[str, float],
    curve: Sequence[CurvePoint],
    evaluation: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Content of summary.json."""
    return {
        "schema_version": SCHEMA_VERSION,
        "task": options.task,
        "method": options.method,
        "optimizer": options.optimizer,
        "phases": [asdict(phase) for phase in phases],
        "mode": options.mode,
        "robots": options.robots,
        "instances": list(options.practised),
        "seed": options.seed,
        "wall_clock_s": wall_clock_s,
        "iterations": iterations,
        "rollouts": rollouts,
        "policy_version": policy_version,
        "utilization": dict(utilization),
        "metrics": dict(metrics),
        "curve": [asdict(point) for point in curve],
        "evaluation": {split: dict(result) for split, result in evaluation.items()},
    }


def write_json(path: Path, content: object) -> None:
    """Write JSON whole or not at all; numbers that are not finite become null."""
    text = json.dumps(finite(content), indent=2, allow_nan=False) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def finite(content: object) -> object:
    """Content as it is written: JSON has no NaN, and nobody reads more than nine decimals."""
    if isinstance(content, float):
        return round(content, 9) if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return content
