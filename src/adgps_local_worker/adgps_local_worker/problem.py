"""What a local worker improves a policy of."""

from __future__ import annotations

from dataclasses import dataclass

from adgps_core.tasks.task import Instance, Task
from adgps_local_worker.configuration import LocalConfiguration


@dataclass(frozen=True)
class Problem:
    """What is to be improved, and how.

    Parameters
    ----------
    task, instance : what the cost and the observations are of.
    configuration : hyper-parameters.
    method : "badmm" or "mdgps".
    optimizer : "lqr" or "pi2".
    """

    task: Task
    instance: Instance
    configuration: LocalConfiguration
    method: str = "badmm"
    optimizer: str = "lqr"
