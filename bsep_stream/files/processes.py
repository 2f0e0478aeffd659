"""Jobs in processes of this machine: each has one thread, is ended by Ctrl-C, and is replaced if it dies.

The standard library's pools do not say which job killed a process, and do not interrupt those that run: a process of
our own for each worker, with a pipe to it, does both.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from bsep_stream.endings import end_like_ctrl_c, ending_signals
from bsep_stream.spoken import speak_warnings

MOST_ATTEMPTS = 3
"""After so many processes have died of a job, it is given up."""

_GRACE_SECONDS = 60.0  # for an interrupted job to save or take back what it has half done; a second Ctrl-C ends it


def map_in_processes(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], workers: int
) -> Iterator[tuple[str, Any]]:
    """Call a function for every job in as many processes, and yield name and result as they come.

    Parameters
    ----------
    function : callable
        A public one of a module; it, its arguments and its result can be pickled. What it raises is raised here.
    jobs : mapping of str to tuple
        Arguments of every call, by the job's name.
    workers : int
        Processes.

    Yields
    ------
    (str, object)
        The result is None for a job of which :data:`MOST_ATTEMPTS` processes have died. If the loop is left, every
        job that runs gets a KeyboardInterrupt and a moment to unwind.
    """
    waiting, deaths = deque(jobs), Counter[str]()
    idle: list[_Worker] = []
    busy: dict[Connection, tuple[_Worker, str]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker, name = idle.pop() if idle else _Worker(), waiting.popleft()
                busy[worker.connection] = (worker, name)
                worker.begin(function, jobs[name])
            for connection in wait(list(busy)):
                worker, name = busy.pop(connection)  # type: ignore[call-overload]
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    deaths[name] += 1
                    worker.end()
                    if deaths[name] < MOST_ATTEMPTS:
                        waiting.append(name)
                    else:
                        yield name, None
                    continue
                idle.append(worker)
                if isinstance(answer, Exception):
                    raise answer
                yield name, answer
    finally:
        interrupted = [worker for worker, _ in busy.values()]
        for worker in interrupted:
            worker.interrupt()
        for worker in (*interrupted, *idle):
            worker.end()


class _Worker:
    """A process that does one job after the other."""

    def __init__(self) -> None:
        context = get_context("spawn")  # a fork would copy the threads' locks of numerical libraries, held or not
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        # A Ctrl-C that comes before the process can answer it would end it with a traceback: it is kept until then.
        if hasattr(signal, "pthread_sigmask"):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            self._process.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        else:
            self._process.start()
        theirs.close()

    def begin(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        with suppress(OSError):  # it has died: whoever waits for its answer is told
            self.connection.send((function, arguments))

    def interrupt(self) -> None:
        if not self._process.is_alive():
            return
        if sys.platform == "win32":  # has no such signal
            self._process.terminate()
        else:
            os.kill(self._process.pid or 0, signal.SIGINT)

    def end(self) -> None:
        self.connection.close()
        self._process.join(_GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _serve(connection: Connection) -> None:
    """What a process does: jobs from the pipe until it is closed at the other end."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before the first job imports a library that reads it
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C goes to the group of the command, which passes it on once
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_like_ctrl_c()
    speak_warnings()
    try:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while (call := _received(connection)) is not None:
            function, arguments = call
            try:
                answer = function(*arguments)
            except Exception as error:
                answer = error
            connection.send(answer)
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # whoever handed out the jobs does not want them any more
    finally:
        for number in ending_signals():
            signal.signal(number, signal.SIG_IGN)  # what an ended process still has to do needs no interruption


def _received(connection: Connection) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    try:
        call: tuple[Callable[..., Any], tuple[Any, ...]] = connection.recv()
    except (EOFError, ConnectionResetError):
        return None
    return call
