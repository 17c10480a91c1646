"""Have several processes do jobs, with progress, until all are done or somebody stops it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from adgps_bringup.pretraining.doors import collect_doors
from adgps_bringup.pretraining.labelling import DoorFinder
from adgps_bringup.pretraining.plan import Job, PretrainOptions
from adgps_bringup.pretraining.practice import collect_practice
from adgps_bringup.pretraining.product import done
from adgps_bringup.progress import duration
from adgps_core.demonstration import Demonstration, load_demonstrations

PROCESSES = 2
PERIOD = 10.0
"""Time between two lines of progress [s]."""
_POLL = 0.2
_PR_SET_PDEATHSIG = 1


class CollectingError(RuntimeError):
    """Images cannot be collected; the message says why."""


class _Collector:
    """What a process keeps from one job to the next."""

    shown: tuple[Demonstration, ...] = ()
    finder: DoorFinder


def _begin(demonstrations: Path, parent: int) -> None:
    """Prepare a process, which ends with its parent and leaves Ctrl-C to it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Collector.shown = load_demonstrations(demonstrations)
    _Collector.finder = DoorFinder()


def _do(options: PretrainOptions, job: Job, run: Path) -> None:
    collect = collect_doors if job.kind == "doors" else collect_practice
    collect(options, job, _Collector.shown, _Collector.finder).write(run, job)


def collect(
    options: PretrainOptions,
    jobs: Sequence[Job],
    run: Path,
    demonstrations: Path,
    say: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Do those jobs that are not done yet.

    Parameters
    ----------
    options, jobs, run : of the pre-training.
    demonstrations : file of them, which robots begin with.
    say : called with a line of progress now and then.
    check : called often; what it raises ends everything, and jobs under way are done anew later.

    Raises
    ------
    CollectingError
        If a process dies.
    """
    left = [job for job in jobs if done(run, job) is None]
    if not left:
        return
    say(f"images: {len(jobs) - len(left)} of {len(jobs)} parts are there")
    pool = ProcessPoolExecutor(
        min(PROCESSES, len(left)),
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(demonstrations, os.getpid()),
    )
    try:
        _watch({pool.submit(_do, options, job, run) for job in left}, jobs, run, say, check)
    except BrokenProcessPool:
        raise CollectingError("a process that collects images has died; --resume goes on") from None
    finally:
        for process in list((pool._processes or {}).values()):
            process.kill()  # what it had not written is done anew
        pool.shutdown(cancel_futures=True)


def _watch(
    pending: set[Future[None]],
    jobs: Sequence[Job],
    run: Path,
    say: Callable[[str], None],
    check: Callable[[], None],
) -> None:
    """Wait for all jobs."""
    count, begin = len(pending), time.monotonic()
    due = begin + PERIOD
    while pending:
        finished, pending = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()
        check()
        now = time.monotonic()
        if (now >= due and len(pending) < count) or not pending:
            due = now + PERIOD
            eta = (now - begin) / (count - len(pending)) * len(pending)
            say(f"{_so_far(jobs, run)}  ETA {duration(eta)}")


def _so_far(jobs: Sequence[Job], run: Path) -> str:
    """Count what there is."""
    found = [each for job in jobs if (each := done(run, job)) is not None]
    images, rollouts = (sum(each[name] for each in found) for name in ("images", "rollouts"))
    searched = sum(len(each["errors_m"]) + each["refused"] for each in found)
    refused = sum(each["refused"] for each in found)
    return (
        f"images: {len(found)} of {len(jobs)} parts, {images} images, {rollouts} rollouts,"
        f" {refused} of {searched} doors not found"
    )
