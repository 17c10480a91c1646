"""Which global workers learn from which robots, and which robots wait for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Links:
    """Who listens to whom: namespaces and robots of the global workers.

    Parameters
    ----------
    namespaces : of the global workers.
    robots : those that each global worker learns from.
    status_topics : of the global workers that each robot waits for.
    """

    namespaces: tuple[str, ...]
    robots: tuple[tuple[str, ...], ...]
    status_topics: tuple[tuple[str, ...], ...]


def link(robots: tuple[str, ...], workers: int, *, all_wait: bool) -> Links:
    """Connect M global workers with N robots.

    With M ≤ N every robot has one global worker; with more, robots have several. In synchronous
    training a robot waits for all of them, as an iteration of Algorithm 1 ends for all at once.

    Parameters
    ----------
    robots : their namespaces.
    workers : number of global workers M.
    all_wait : whether a robot waits for all of them, or for those only that learn from it.
    """
    if workers == len(robots):
        namespaces = robots
    else:
        namespaces = tuple(f"/global_worker_{j + 1}" for j in range(workers))
    served = tuple(
        tuple(robots[j::workers]) if workers <= len(robots) else (robots[j % len(robots)],)
        for j in range(workers)
    )
    topics = tuple(
        tuple(
            f"{namespace}/replay_status"
            for namespace, mine in zip(namespaces, served, strict=True)
            if all_wait or robot in mine
        )
        for robot in robots
    )
    return Links(namespaces, served, topics)
