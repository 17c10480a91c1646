"""The policies that a run went through, kept while it goes on and evaluated when it is over.

policies/index.jsonl                  a policy a line: when it was, and after how many rollouts
policies/policy-EPOCH-COUNTER.safetensors
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion

FOLDER = "policies"
_INDEX = "index.jsonl"


@dataclass(frozen=True)
class KeptPolicy:
    """One policy of a run.

    Parameters
    ----------
    file : its name in the folder of policies.
    version : "epoch.counter".
    wall_clock_s : when it arrived, since the run began [s].
    rollouts : that had been learned from by then, all robots together.
    """

    file: str
    version: str
    wall_clock_s: float
    rollouts: int


class PolicyHistory:
    """Keeps a policy now and then.

    Parameters
    ----------
    run : folder of the run.
    period : shortest time between two that are kept [s].
    """

    def __init__(self, run: Path, period: float) -> None:
        self._folder = run / FOLDER
        self._period = period
        self._last: KeptPolicy | None = None

    def offer(self, policy: GlobalPolicy, now: float, rollouts: int) -> KeptPolicy | None:
        """Keep a policy, unless it is the last one or comes too soon after it.

        Parameters
        ----------
        policy : that robots run now.
        now : wall clock since the run began [s].
        rollouts : learned from so far.

        Returns
        -------
        What was kept; None if nothing was.
        """
        version = policy.version
        last = self._last
        if last is not None and (
            str(version) == last.version or now < last.wall_clock_s + self._period
        ):
            return None
        name = f"policy-{version.epoch:06d}-{version.counter:012d}.safetensors"
        arrays: dict[str, NDArray[Any]] = {
            "average": policy.values,
            "observation_offset": policy.offset,
            "observation_scale": policy.scale,
        }
        metadata = {
            "kind": "policy",
            "version": json.dumps([version.epoch, version.counter]),
            "architecture": policy.architecture.to_json(),
        }
        write_checkpoint(self._folder / name, arrays, metadata)
        kept = KeptPolicy(name, str(version), round(now, 3), rollouts)
        with (self._folder / _INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(asdict(kept)) + "\n")
        self._last = kept
        return kept


def read_history(run: Path) -> tuple[KeptPolicy, ...]:
    """Read which policies a run kept, in their order; none if it kept none.

    A last line that was being written when the run ended is left out.
    """
    path = run / FOLDER / _INDEX
    kept: list[KeptPolicy] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            kept.append(KeptPolicy(**json.loads(line)))
        except (TypeError, ValueError):
            break
    return tuple(kept)


def load_kept(run: Path, kept: KeptPolicy) -> GlobalPolicy:
    """Load one of them.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    DamagedCheckpointError
        If it is not what was written.
    """
    path = run / FOLDER / kept.file
    arrays, metadata = read_checkpoint(path)
    try:
        return GlobalPolicy(
            Architecture.from_json(metadata["architecture"]),
            arrays["observation_offset"],
            arrays["observation_scale"],
            arrays["average"].astype(np.float32),
            PolicyVersion(*json.loads(metadata["version"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} is no policy: {error!r}") from error
