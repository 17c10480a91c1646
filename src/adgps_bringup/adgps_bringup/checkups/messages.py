"""Messages: that they can be written, and that two processes exchange them."""

from __future__ import annotations

import array
import socket
import subprocess
import sys
import time
from typing import Any

import numpy as np

from adgps_bringup.checkups.finding import Finding, Level
from adgps_bringup.domain import free_domain

ECHO = "adgps_bringup.checkups.echo"
TIMEOUT_S = 20.0
SMALL, LARGE = 16, 4 * 2**20
"""Sizes of the messages that are exchanged [bytes]; a trajectory is a large one."""
BUFFER = 4 * 2**20
"""Of the sockets, as the profiles of Fast DDS ask for it [bytes]."""


def serialisation() -> Finding:
    """Write a message of this project and read it again."""
    from rclpy.serialization import deserialize_message, serialize_message

    from adgps_msgs.msg import PolicyParameters

    message = PolicyParameters()
    message.version.counter = 7
    written = serialize_message(message)
    if deserialize_message(written, PolicyParameters) != message:
        return Finding(Level.FAIL, "a message changed on its way: rebuild (remove build, install)")
    return Finding(Level.PASS, f"adgps_msgs is built and serialises ({len(written)} bytes)")


def loopback() -> Finding:
    """Send a datagram from this machine to itself; look how large a buffer the kernel grants."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        granted = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2.0)
        try:
            sender.sendto(b"adgps", receiver.getsockname())
            received = receiver.recv(16)
        except OSError as error:
            return Finding(Level.FAIL, f"UDP on 127.0.0.1: {error}; is the interface lo up?")
    if received != b"adgps":
        return Finding(Level.FAIL, "UDP on 127.0.0.1 brought something else than was sent")
    if granted < BUFFER:
        return Finding(
            Level.WARN,
            f"UDP on 127.0.0.1 works, with buffers of {granted // 2**10} KB; messages of megabytes"
            f" are quicker after: sysctl -w net.core.rmem_max={BUFFER} net.core.wmem_max={BUFFER}",
        )
    return Finding(Level.PASS, f"UDP on 127.0.0.1 works, with buffers of {granted // 2**20} MB")


def discovery() -> Finding:
    """Exchange a small and a large message with another process."""
    with free_domain() as domain_id:
        command = [sys.executable, "-m", ECHO, str(domain_id)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as other:
            try:
                return _exchange(other, domain_id)
            finally:
                other.terminate()
                try:
                    other.wait(timeout=5.0)
                except subprocess.TimeoutExpired:
                    other.kill()


def _exchange(other: subprocess.Popen[bytes], domain_id: int) -> Finding:
    """Wait for the other process, then time one round trip of each size."""
    import rclpy

    from adgps_bringup.checkups.echo import PING, PONG, QOS

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id)
    try:
        node = rclpy.create_node("adgps_doctor", context=context)
        pair = _Pair(node, context, other, (PING, PONG, QOS))
        found_s = pair.discover()
        if found_s is None:
            return Finding(
                Level.FAIL,
                f"two processes did not find each other in {TIMEOUT_S:.0f} s{pair.last_words()};"
                " a firewall on lo, or a profile in FASTRTPS_DEFAULT_PROFILES_FILE?",
            )
        pair.round_trip(SMALL)  # the very first ones are slow, or lost
        times = [pair.round_trip(size) for size in (SMALL, LARGE)]
        if None in times:
            return Finding(
                Level.FAIL,
                f"two processes found each other, but a message was lost{pair.last_words()};"
                " a firewall on lo?",
            )
        small_ms, large_ms = (1e3 * seconds for seconds in times if seconds is not None)
        return Finding(
            Level.PASS,
            f"found another process in {found_s:.1f} s; there and back in {small_ms:.1f} ms,"
            f" {LARGE // 2**20} MB in {large_ms:.0f} ms",
        )
    finally:
        rclpy.shutdown(context=context)


class _Pair:
    """One half of the exchange, the other is echo.py."""

    def __init__(
        self,
        node: Any,
        context: Any,
        other: subprocess.Popen[bytes],
        names: tuple[str, str, Any],
    ) -> None:
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import UInt8MultiArray

        ping, pong, qos = names
        self._type = UInt8MultiArray
        self._other = other
        self._received: bytes | None = None
        self._publisher = node.create_publisher(UInt8MultiArray, ping, qos)
        self._subscription = node.create_subscription(UInt8MultiArray, pong, self._on_pong, qos)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(node)

    def discover(self) -> float | None:
        """Wait until both directions are matched; seconds, or None."""
        start = time.monotonic()
        while time.monotonic() < start + TIMEOUT_S and self._other.poll() is None:
            self._executor.spin_once(timeout_sec=0.01)
            if (
                self._publisher.get_subscription_count()
                and self._subscription.get_publisher_count()
            ):
                return time.monotonic() - start
        return None

    def _matched(self) -> bool:
        """Whether messages can go both ways."""
        counts = (
            self._publisher.get_subscription_count(),
            self._subscription.get_publisher_count(),
        )
        return all(counts)

    def round_trip(self, size: int) -> float | None:
        """Send bytes and wait for the same; seconds, or None."""
        payload = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()
        message = self._type(data=array.array("B", payload))
        for _ in range(5):
            self._received = None
            start = time.monotonic()
            self._publisher.publish(message)
            while time.monotonic() < start + 2.0 and self._other.poll() is None:
                self._executor.spin_once(timeout_sec=0.1)
                if self._received == payload:
                    return time.monotonic() - start
        return None

    def last_words(self) -> str:
        """What the other process said before it ended, if it did."""
        if self._other.poll() is None or self._other.stderr is None:
            return ""
        lines = self._other.stderr.read().decode(errors="replace").strip().splitlines()
        return f" (the other ended: {lines[-1] if lines else self._other.returncode})"

    def _on_pong(self, message: Any) -> None:
        self._received = bytes(message.data)
