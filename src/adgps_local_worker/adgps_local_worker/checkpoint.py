"""A local worker's memory of one instance on disk, so that a killed worker goes on where it was.

Dataclasses become flat names ("batch/dynamics/F"), None becomes the absence of a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import CostExpansion
from adgps_local_worker.gmm_prior import GaussianMixture
from adgps_local_worker.local_state import Batch, LocalState, Model
from adgps_local_worker.lqr import LinearDynamics

Arrays = dict[str, NDArray[Any]]
KIND = "local_state"


def save_state(path: Path, state: LocalState, extra: Mapping[str, NDArray[Any]]) -> None:
    """Write a state, and further arrays beside it, atomically."""
    arrays = _flatten("state", state) | {f"extra/{name}": data for name, data in extra.items()}
    write_checkpoint(path, arrays, {"kind": KIND})


def load_state(path: Path) -> tuple[LocalState, Arrays]:
    """Read a state and the further arrays.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    adgps_core.checkpoints.DamagedCheckpointError
        As `read_checkpoint`, and if the file holds something other than a local state.
    """
    arrays, metadata = read_checkpoint(path)
    if metadata.get("kind") != KIND:
        raise DamagedCheckpointError(f"{path} is {metadata.get('kind')!r}, not {KIND!r}")
    saved = _below(arrays, "state")
    batch = _below(saved, "batch")
    history = _below(saved, "history")
    state = LocalState(
        policy=_policy(saved, "policy"),
        multipliers=saved["multipliers"],
        kl_weights=saved["kl_weights"],
        step_multiplier=float(saved["step_multiplier"]),
        iteration=int(saved["iteration"]),
        rollouts=int(saved["rollouts"]),
        divergence=saved.get("divergence"),
        linearized=_policy(saved, "linearized") if "linearized/K" in saved else None,
        objective=_number(saved, "objective"),
        improvement=_number(saved, "improvement"),
        batch=_batch(batch) if batch else None,
        history=tuple(history[str(index)] for index in range(len(history))),
        dynamics_prior=_mixture(saved, "dynamics_prior"),
        policy_prior=_mixture(saved, "policy_prior"),
    )
    return state, _below(arrays, "extra")


def _flatten(name: str, value: object) -> Arrays:
    if value is None:
        return {}
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, tuple):
        parts = {str(index): item for index, item in enumerate(value)}
    else:
        return {name: np.asarray(value)}
    flat: Arrays = {}
    for key, part in parts.items():
        flat |= _flatten(f"{name}/{key}", part)
    return flat


def _below(arrays: Arrays, name: str) -> Arrays:
    """Entries under a name, without it."""
    prefix = f"{name}/"
    return {key[len(prefix) :]: data for key, data in arrays.items() if key.startswith(prefix)}


def _batch(arrays: Arrays) -> Batch:
    model = _below(arrays, "model")
    plain = ("states", "observations", "actions", "log_probabilities", "costs")
    return Batch(
        **{name: arrays[name] for name in plain},
        sampling_policy=_policy(arrays, "sampling_policy"),
        model=Model(
            LinearDynamics(**_below(model, "dynamics")), CostExpansion(**_below(model, "cost"))
        )
        if model
        else None,
    )


def _number(arrays: Arrays, name: str) -> float | None:
    return float(arrays[name]) if name in arrays else None


def _policy(arrays: Arrays, name: str) -> LinearGaussianPolicy:
    return LinearGaussianPolicy(**_below(arrays, name))


def _mixture(arrays: Arrays, name: str) -> GaussianMixture | None:
    parts = _below(arrays, name)
    return GaussianMixture(**parts) if parts else None
