"""gloo, torch's own transport between processes: send and recv over TCP."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as distributed

from exchanges.common import Array32, Exchange, Parameters, end_with_parent, start_server


def connect(size: int, folder: Path) -> Exchange:
    """Start a server and return the way to it."""
    start_server("gloo", size, folder)
    _join(folder, rank=0)
    received = torch.empty(size)

    def exchange(gradient: Array32) -> Array32:
        distributed.send(torch.from_numpy(gradient), 1)
        distributed.recv(received, 1)
        return received.numpy()

    return exchange


def _join(folder: Path, rank: int) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/gloo", rank=rank, world_size=2
    )


def _serve(size: int, folder: Path) -> None:
    end_with_parent()
    _join(folder, rank=1)
    parameters, received = Parameters(size), torch.empty(size)
    while True:
        distributed.recv(received, 0)
        parameters.apply(received)
        distributed.send(torch.from_numpy(parameters.values), 0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
