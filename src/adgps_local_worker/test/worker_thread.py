"""A node in this process, and the thread of a worker that waits beside its executor."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor


class WorkerThread:
    """A node of /robot_1 whose executor spins while functions run in threads of their own."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node("worker", namespace="/robot_1", context=self._context)
        self.stop = threading.Event()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """Run a function in a thread; the future holds what it returns or raises."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def leave(self) -> None:
        """Stop spinning."""
        self.stop.set()
        self._closing.set()
        self._thread.join()

    def close(self) -> None:
        """Leave the graph."""
        self.leave()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.1)
