"""Training sets of a replay memory, again and again as it changes."""

from __future__ import annotations

from adgps_core.global_policy import GlobalPolicy
from adgps_global_worker.batches import InstanceRows, TrainingSet, instance_rows, training_set
from adgps_global_worker.replay_memory import ReplayMemory


class TrainingSets:
    """Makes training sets; rows of instances that cannot have changed are not computed anew.

    Parameters
    ----------
    memory : what there is to learn from.
    weight_bound : largest importance weight, in multiples of the mean; see `instance_rows`.
    """

    def __init__(self, memory: ReplayMemory, weight_bound: float) -> None:
        self._memory = memory
        self._bound = weight_bound
        self._rows: dict[str, tuple[int, InstanceRows]] = {}

    def make(self, policy: GlobalPolicy) -> TrainingSet:
        """Rows of all instances in the memory, weighed for a policy."""
        rows: dict[str, tuple[int, InstanceRows]] = {}
        for key, revision in self._memory.revisions.items():
            known = self._rows.get(key)
            if known is None or known[0] != revision or self._memory.weighs_anew(key):
                made = instance_rows(self._memory.samples(key), policy, self._bound)
                known = (revision, made)
            rows[key] = known
        self._rows = rows
        return training_set([made for _, made in rows.values()])

    def forget(self) -> None:
        """Compute everything anew next time."""
        self._rows = {}
