"""How a rollout can end. The numbers are those of the action ExecuteRollout."""

from enum import IntEnum


class Outcome(IntEnum):
    """Error code of a rollout."""

    SUCCESS = 0
    NOT_ACTIVE = 1
    NOT_ARMED = 2
    INVALID_GOAL = 3
    NO_POLICY = 4
    STALE_STATE = 5
    CANCELED = 6
    LIMIT_VIOLATION = 7
    JITTER = 8
    BUSY = 9


class RolloutError(Exception):
    """A rollout that cannot begin, or cannot go on.

    Parameters
    ----------
    outcome : error code for whoever asked for the rollout.
    reason : one sentence for people.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
