"""What came of the trials of an evaluation, on disk as they end, so that a killed one goes on.

settings.json   what all of them have in common
trials.jsonl    one a line
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.summary import finite, write_json
from adgps_bringup.trials.plan import Trial

SETTINGS, TRIALS = "settings.json", "trials.jsonl"

Setting = str | float | tuple[float, ...]


@dataclass(frozen=True)
class TrialResult:
    """What came of one trial.

    Parameters
    ----------
    robot : its namespace, without the slash.
    number : of the robot's trials, from 0.
    instance : id of what it was on.
    succeeded : whether the task was done at the end; None: nobody knows.
    truth : what that was told from, in words.
    cost : of the rollout.
    initial_distance_m, final_distance_m : from the goal [m].
    completed : False if the robot stopped the rollout.
    """

    robot: str
    number: int
    instance: str
    succeeded: bool | None
    truth: str
    cost: float
    initial_distance_m: float
    final_distance_m: float
    completed: bool


def trial_result(trial: Trial, result: InstanceResult) -> TrialResult:
    """Say what came of a trial."""
    return TrialResult(
        robot=trial.robot.strip("/"),
        number=trial.number,
        instance=result.instance.id,
        succeeded=result.succeeded,
        truth=result.truth,
        cost=result.cost,
        initial_distance_m=result.initial_distance_m,
        final_distance_m=result.final_distance_m,
        completed=result.completed,
    )


class TrialLog:
    """The trials that an evaluation has made so far.

    Parameters
    ----------
    folder : of the evaluation; it is there.
    settings : what trials need to have in common.

    Raises
    ------
    ValueError
        If the folder holds trials of another evaluation.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Setting]) -> None:
        self._path = folder / TRIALS
        self.results: dict[tuple[str, int], TrialResult] = {}
        if self._path.exists():
            _refuse_other(folder, settings)
            written = self._path.read_text(encoding="utf-8")
            sound = [result for result in map(_read, written.splitlines()) if result is not None]
            self.results = {(each.robot, each.number): each for each in sound}
            text = "".join(map(_line, sound))
            if text != written:  # it was killed while it wrote
                partial = self._path.with_suffix(".partial")
                partial.write_text(text, encoding="utf-8")
                partial.replace(self._path)
        else:
            write_json(folder / SETTINGS, dict(settings))

    def missing(self, trials: Collection[Trial]) -> list[Trial]:
        """Of these trials, those that were not made yet."""
        return [trial for trial in trials if _key(trial) not in self.results]

    def of(self, trials: Collection[Trial]) -> list[TrialResult]:
        """Results of those of these trials that were made."""
        return [self.results[_key(trial)] for trial in trials if _key(trial) in self.results]

    def add(self, result: TrialResult) -> None:
        """Write a result down for good."""
        self.results[result.robot, result.number] = result
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(result))
            file.flush()
            os.fsync(file.fileno())


def _key(trial: Trial) -> tuple[str, int]:
    return trial.robot.strip("/"), trial.number


def _line(result: TrialResult) -> str:
    return json.dumps(asdict(result)) + "\n"


def _read(line: str) -> TrialResult | None:
    """Read a line; None if it is half of one."""
    try:
        return TrialResult(**json.loads(line))
    except (TypeError, ValueError):
        return None


def _refuse_other(folder: Path, settings: Mapping[str, Setting]) -> None:
    """Refuse to mix trials that have nothing to do with each other."""
    try:
        saved = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder / SETTINGS} cannot be used: {error}") from error
    now = json.loads(json.dumps(finite(dict(settings))))
    for name in now:
        if saved.get(name) != now[name]:
            raise ValueError(
                f"{folder} holds trials with {name} {saved.get(name)}, not {now[name]}:"
                " give another --name, or --again to begin anew"
            )
