"""Checkpoints of the parameter server: everything, whole, verified, the newest few.

One file per checkpoint, `policy-<epoch>-<counter>.safetensors`, so that names sort by version.
`adgps_core.checkpoints` writes each atomically and verifies its hash when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion
from adgps_param_server.optimizers import OptimizerConfiguration
from adgps_param_server.pushes import PushCode, Statistics
from adgps_param_server.server import ServerState

_NAME = re.compile(r"policy-(\d{6})-(\d{12})\.safetensors")
_OPTIMIZER = "optimizer/"


class CheckpointFolder:
    """The checkpoints of one training run.

    Parameters
    ----------
    path : folder; made when the first checkpoint is written.
    kept : how many of the newest to keep, at least 2, as the newest may be damaged.
    """

    def __init__(self, path: Path, kept: int = 3) -> None:
        if kept < 2:
            raise ValueError(f"{kept} checkpoints are kept, expected at least 2")
        self._path = path
        self._kept = kept

    @property
    def files(self) -> list[Path]:
        """All checkpoints, the newest first."""
        if not self._path.is_dir():
            return []
        names = [path for path in self._path.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(names, key=lambda path: path.name, reverse=True)

    @property
    def newest_epoch(self) -> int:
        """Highest epoch that left a checkpoint here, sound or damaged; 0 if there is none."""
        matches = (_NAME.fullmatch(path.name) for path in self.files)
        return max((int(match[1]) for match in matches if match), default=0)

    def write(self, state: ServerState, configuration: Mapping[str, object]) -> Path:
        """Write a checkpoint and remove the oldest; OSError if the folder cannot be written.

        Parameters
        ----------
        state : everything of the server.
        configuration : what the run was started with; anything JSON can hold.
        """
        version = state.policy.version
        path = self._path / f"policy-{version.epoch:06d}-{version.counter:012d}.safetensors"
        write_checkpoint(path, *_encode(state, configuration))
        for old in self.files[self._kept :]:
            old.unlink(missing_ok=True)
        return path

    def read_newest(self, log: Callable[[str], None]) -> ServerState | None:
        """Read the newest sound checkpoint; None if there has never been one.

        Parameters
        ----------
        log : called with one sentence for each damaged checkpoint that is passed over.

        Raises
        ------
        DamagedCheckpointError
            If there are checkpoints, but none is sound: starting afresh must be a decision.
        """
        files = self.files
        for path in files:
            try:
                return load_state(path)
            except DamagedCheckpointError as error:
                log(f"checkpoint refused, trying the one before: {error}")
        if files:
            raise DamagedCheckpointError(
                f"none of {len(files)} checkpoints in {self._path} is sound"
            )
        return None


def load_state(path: Path) -> ServerState:
    """Read one checkpoint.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedCheckpointError
        If it is not a sound checkpoint of a parameter server.
    """
    arrays, metadata = read_checkpoint(path)
    try:
        return _decode(arrays, metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} is not of a parameter server: {error!r}") from error


def load_policy(path: Path) -> GlobalPolicy:
    """Read the averaged global policy from a checkpoint, or from the newest sound one in a folder.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    DamagedCheckpointError
        If none is sound.
    """
    if not path.is_dir():
        return load_state(path).averaged
    state = CheckpointFolder(path).read_newest(log=lambda _: None)
    if state is None:
        raise FileNotFoundError(f"no checkpoint in {path}")
    return state.averaged


def _encode(
    state: ServerState, configuration: Mapping[str, object]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    policy, statistics = state.policy, state.statistics
    arrays: dict[str, NDArray[Any]] = {
        "values": policy.values,
        "average": policy.values if state.average is None else state.average,
        "observation_offset": policy.offset,
        "observation_scale": policy.scale,
    }
    arrays |= {_OPTIMIZER + name: array for name, array in state.optimizer_state.items()}
    metadata = {
        "kind": "param_server",
        "version": json.dumps([policy.version.epoch, policy.version.counter]),
        "architecture": policy.architecture.to_json(),
        "optimizer": json.dumps(asdict(state.optimizer)),
        "sequences": json.dumps([[*key, last] for key, last in state.sequences.items()]),
        "statistics": json.dumps(
            asdict(statistics)
            | {"counts": {code.name: count for code, count in statistics.counts.items()}}
        ),
        "configuration": json.dumps(dict(configuration), sort_keys=True),
    }
    return arrays, metadata


def _decode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> ServerState:
    statistics = json.loads(metadata["statistics"])
    counts = {code: int(statistics["counts"].get(code.name, 0)) for code in PushCode}
    return ServerState(
        policy=GlobalPolicy(
            Architecture.from_json(metadata["architecture"]),
            arrays["observation_offset"],
            arrays["observation_scale"],
            arrays["values"].astype(np.float32),
            PolicyVersion(*json.loads(metadata["version"])),
        ),
        optimizer=OptimizerConfiguration(**json.loads(metadata["optimizer"])),
        optimizer_state={
            name.removeprefix(_OPTIMIZER): array
            for name, array in arrays.items()
            if name.startswith(_OPTIMIZER)
        },
        average=arrays["average"].astype(np.float32),
        sequences={
            (worker, start_id): last for worker, start_id, last in json.loads(metadata["sequences"])
        },
        statistics=Statistics(**(statistics | {"counts": counts})),
    )
