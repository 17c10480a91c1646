"""pyzmq: request and reply over TCP, without copies that it can avoid."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import zmq

from exchanges.common import Array32, Exchange, Parameters, end_with_parent, start_server


def connect(size: int, folder: Path) -> Exchange:
    """Start a server and return the way to it."""
    port = folder / "zeromq"
    probe = zmq.Context.instance().socket(zmq.REQ)
    chosen = probe.bind_to_random_port("tcp://127.0.0.1")
    probe.close()
    port.write_text(str(chosen))
    start_server("zeromq", size, chosen)
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.connect(f"tcp://127.0.0.1:{chosen}")

    def exchange(gradient: Array32) -> Array32:
        socket.send(gradient, copy=False)
        return np.frombuffer(socket.recv(copy=False), np.float32)

    return exchange


def _serve(size: int, port: int) -> None:
    end_with_parent()
    parameters = Parameters(size)
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind(f"tcp://127.0.0.1:{port}")
    while True:
        parameters.apply(np.frombuffer(bytearray(socket.recv(copy=False).buffer), np.float32))
        socket.send(parameters.values, copy=False)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
