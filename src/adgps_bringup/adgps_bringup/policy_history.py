"""The policies that a run went through, kept while it goes on and evaluated when it is over.

policies/index.jsonl                  a policy a line: when it was, and after how many rollouts
policies/policy-EPOCH-COUNTER.safetensors
"""

from __future__ import annotations

import json
import threading
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
    """Keeps a policy now and then; any thread may call it.

    Parameters
    ----------
    run : folder of the run.
    period : shortest time between two that are kept [s].
    """

    def __init__(self, run: Path, period: float) -> None:
        self._folder = run / FOLDER
        self._period = period
        self._lock = threading.Lock()
        self._last: KeptPolicy | None = None
        self._waiting: tuple[KeptPolicy, GlobalPolicy] | None = None

    def offer(self, policy: GlobalPolicy, now: float, rollouts: int) -> None:
        """Keep a policy, unless it is the last one; one that comes too soon is kept later.

        Parameters
        ----------
        policy : that robots run now.
        now : wall clock since the run began [s].
        rollouts : learned from so far.
        """
        version = policy.version
        if self._last is not None and str(version) == self._last.version:
            return
        name = f"policy-{version.epoch:06d}-{version.counter:012d}.safetensors"
        kept = KeptPolicy(name, str(version), round(now, 3), rollouts)
        with self._lock:
            self._waiting = kept, policy
        self.keep(now)

    def keep(self, now: float, *, at_once: bool = False) -> None:
        """Keep the newest policy, if the time for it has come; to be called now and then.

        It counts from when it was offered: where training pauses while robots sample, the last
        policy before the pause is the one that matters.
        """
        with self._lock:
            last = self._last
            early = last is not None and now < last.wall_clock_s + self._period
            if self._waiting is None or (early and not at_once):
                return
            (kept, policy), self._waiting = self._waiting, None
            self._last = kept
            self._write(kept, policy)

    def _write(self, kept: KeptPolicy, policy: GlobalPolicy) -> None:
        """Write a policy, and the line that tells of it."""
        version = policy.version
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
        write_checkpoint(self._folder / kept.file, arrays, metadata)
        with (self._folder / _INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(asdict(kept)) + "\n")


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
