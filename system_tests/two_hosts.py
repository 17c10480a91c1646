"""Two hosts on one machine: networks, processes and memory of their own, and a wire between them.

The wire is a pair of TAP devices, one in each namespace, between which a thread carries Ethernet
frames: each some time after it was sent, and not all of them. It is what `veth` with `tc netem` is,
which many kernels come without.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType

import numpy as np

DELAY = 0.02
"""Of every frame, in either direction [s]."""
LOSS = 0.01

_TUN = Path("/dev/net/tun")
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_FRAME = 2**16
_PROGRAMS = ("ip", "unshare", "nsenter", "mount")
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def why_not() -> str:
    """Why there can be no two hosts here; empty if there can."""
    if os.geteuid() != 0:
        return "only root may make networks"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found"
    if not _TUN.exists():
        return f"there is no {_TUN}"
    made = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True)
    return made.stderr.strip()


class Host:
    """A namespace with one network interface; it lasts as long as a process that sleeps in it.

    Parameters
    ----------
    address : of its interface, in 10.77.0.0/24.
    """

    def __init__(self, address: str) -> None:
        # Mounts are private to it: nobody else sees its /dev/shm, or loses their own.
        script = "mount -t tmpfs tmpfs /dev/shm && echo && exec sleep infinity"
        self._holder = subprocess.Popen([*_UNSHARE, "sh", "-c", script], stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        self._holder.stdout.readline()  # the namespaces are there
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        pid = children.read_text().strip()
        self.inside = ("nsenter", "--target", pid, "--net", "--mount", "--pid", "--")
        """What a command is put after to run on the host."""
        self.tap = _make_tap(name := f"adgps{pid}")
        _run("ip", "link", "set", name, "netns", pid)
        for arguments in (
            ("addr", "add", f"{address}/24", "dev", name),
            ("link", "set", "lo", "up"),
            ("link", "set", name, "up"),
            ("route", "add", "224.0.0.0/4", "dev", name),
        ):
            _run(*self.inside, "ip", *arguments)

    def close(self) -> None:
        """Let it go, with its interface and all its processes."""
        os.close(self.tap)
        self._holder.kill()
        self._holder.communicate()


class TwoHosts:
    """Two hosts and the wire between them; a context manager.

    Parameters
    ----------
    seed : draws which frames are lost.
    """

    def __init__(self, seed: int = 0) -> None:
        self.carried, self.lost = 0, 0
        self._rng = np.random.default_rng(seed)
        self._ended = threading.Event()
        self.first = Host("10.77.0.1")
        self.second = Host("10.77.0.2")
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> TwoHosts:
        """Plug the wire in."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut it."""
        self._ended.set()
        self._thread.join()
        self.first.close()
        self.second.close()

    def _carry(self) -> None:
        """Carry frames until the end; all take the same time, so that none overtakes another."""
        underway: deque[tuple[float, int, bytes]] = deque()
        ways = {self.first.tap: self.second.tap, self.second.tap: self.first.tap}
        with selectors.DefaultSelector() as selector:
            for tap in ways:
                selector.register(tap, selectors.EVENT_READ)
            while not self._ended.is_set():
                until = underway[0][0] - time.monotonic() if underway else 0.1
                for key, _ in selector.select(max(until, 0.0)):
                    frame = os.read(key.fd, _FRAME)
                    if self._rng.random() < LOSS:
                        self.lost += 1
                    else:
                        underway.append((time.monotonic() + DELAY, ways[key.fd], frame))
                while underway and underway[0][0] <= time.monotonic():
                    _, tap, frame = underway.popleft()
                    os.write(tap, frame)
                    self.carried += 1


def _make_tap(name: str) -> int:
    """Make a TAP device; its file descriptor, with which it goes away."""
    tap = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10.0)
