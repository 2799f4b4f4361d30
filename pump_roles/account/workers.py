"""Work that is done in a few threads at once."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

__all__ = ["in_threads"]

_T = TypeVar("_T")


def in_threads(
    count: int, work: Callable[[int], _T], *, concurrency: int
) -> Iterator[tuple[int, _T]]:
    """Yield the results of some work, as each is done, with its index.

    :param count: how often to work.
    :param work: called with each index from 0.
    :param concurrency: how many threads work at once.
    :raises Exception: what the work raises.
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

    # Not an executor, whose threads Python waits for at exit: Ctrl+C must end the command.
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
