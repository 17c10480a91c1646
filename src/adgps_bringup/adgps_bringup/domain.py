"""A ROS domain of one's own, so that two runs on a machine never mix.

A lock on a small file per domain id holds the id for as long as the process lives; the kernel lets
go of it even when the process is killed. Domains that other ROS programs use are recognised by
their discovery ports.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FIRST, LAST = 1, 101
"""Ids whose ports lie below the kernel's ephemeral ones on every platform; 0 is everyone's."""

_PORT_BASE, _DOMAIN_GAIN = 7400, 250


def lock_path(domain_id: int) -> Path:
    """Lock file of a domain id."""
    return Path(tempfile.gettempdir()) / f"adgps_domain_{domain_id}.lock"


@contextmanager
def free_domain() -> Iterator[int]:
    """Hold a domain id that nobody uses; RuntimeError if all are taken."""
    ids = list(range(FIRST, LAST + 1))
    random.Random().shuffle(ids)  # runs that start together rarely try the same one
    for domain_id in ids:
        descriptor = _lock(domain_id)
        if descriptor is None:
            continue
        try:
            if not _in_use(domain_id):
                yield domain_id
                return
        finally:
            os.close(descriptor)
    raise RuntimeError(f"all ROS domains from {FIRST} to {LAST} are in use on this machine")


def _lock(domain_id: int) -> int | None:
    """Lock a domain id; None if another process, or another user, has it."""
    try:
        descriptor = os.open(lock_path(domain_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _in_use(domain_id: int) -> bool:
    """Whether a participant of the domain listens on this host.

    The first participant of a domain has its unicast ports at offsets 10 and 11, the next one at
    12 and 13, and so on; those ports are never shared.
    """
    base = _PORT_BASE + _DOMAIN_GAIN * domain_id
    return any(_bound(base + 10 + 2 * participant) for participant in range(4))


def _bound(port: int) -> bool:
    """Whether a UDP port has an owner."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with suppress(OSError):
            probe.bind(("", port))
            return False
    return True
