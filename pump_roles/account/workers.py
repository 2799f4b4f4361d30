"""Work in several threads."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

__all__ = ["in_threads"]

_T = TypeVar("_T")


def in_threads(
    count: int, work: Callable[[int], _T], *, concurrency: int
) -> Iterator[tuple[int, _T]]:
    """Yield each result with its index, in the order in which the work is done.

    :param count: how many times to call the work.
    :param work: called with each index, starting at 0.
    :param concurrency: the maximum number of threads.
    :raises Exception: whatever the work raises.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(count):
        waiting.put(index)
    done: SimpleQueue[tuple[int, _T | Exception]] = SimpleQueue()
    stopped = Event()

    def run() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((index, work(index)))
            except Exception as error:  # noqa: BLE001
                # Raised below. Without a result, the main thread would wait forever.
                done.put((index, error))

    # Not an executor: Python waits for its threads at exit, but Ctrl+C must end the command.
    for _ in range(min(concurrency, count)):
        Thread(target=run, daemon=True).start()
    try:
        for _ in range(count):
            index, result = done.get()
            if isinstance(result, Exception):
                raise result
            yield index, result
    finally:
        stopped.set()
