"""What every way has in common: two processes, one update rule, and an end that nobody outlives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array32 = NDArray[np.float32]
Exchange = Callable[[Array32], Array32]
"""Sends a gradient (P,), waits for the update, and returns the parameters (P,) after it."""

RATE = 2.0**-10
PATIENCE = 60.0


class Parameters:
    """Parameters (P,) of a server that is no parameter server of ADGPS: w -= rate * g, in place."""

    def __init__(self, size: int) -> None:
        import torch

        torch.set_num_threads(1)
        self._values = torch.zeros(size)
        self.values: Array32 = self._values.numpy()  # the same memory

    def apply(self, gradient: Any) -> None:
        """Apply one gradient, a tensor or an array."""
        import torch

        self._values.sub_(torch.as_tensor(gradient), alpha=RATE)


def start_server(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m exchanges.<module> ...`, which ends when this process does."""
    return subprocess.Popen(
        [sys.executable, "-m", f"exchanges.{module}", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        env=environment,
    )


def end_with_parent(end: Callable[[], object] = lambda: os._exit(0)) -> None:
    """End this process, in its own way or at once, as soon as its standard input is closed."""

    def watch() -> None:
        sys.stdin.buffer.read()
        end()

    threading.Thread(target=watch, daemon=True).start()
