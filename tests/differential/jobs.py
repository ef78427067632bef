"""Work in several processes at once. The first that fails, a signal, or the end of the parent ends them all, each in order."""

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from multiprocessing.connection import wait

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    asked = undisturbed = False

    @classmethod
    def come(cls, *_):
        """The first ends the process; a second one must not disturb what the first one makes end."""
        again, cls.asked = cls.asked, True
        if not again and not cls.undisturbed:
            sys.exit(143)


@contextmanager
def undisturbed():
    """A signal within is noticed by stopping() only: half a cluster would be nobody's to stop."""
    Signals.undisturbed = True
    try:
        yield
    finally:
        Signals.undisturbed = False


def _catch_signals():
    return [signal.signal(s, Signals.come) for s in SIGNALS]


def _body(work, number, results, parent):
    os.setpgrp()  # Ctrl-C is the parent's, who tells us
    _catch_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    results.send(work(number, lambda: Signals.asked or os.getppid() != parent))


def run(count, work):
    """The results of work(number, stopping) in `count` processes; SystemExit when one fails. `stopping()` is true when the
    work shall end: also when the parent was killed."""
    fork, running, results = multiprocessing.get_context("fork"), {}, []
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    before = _catch_signals()
    try:
        for number in range(count):
            receiver, sender = fork.Pipe(duplex=False)
            process = fork.Process(target=_body, args=(work, number, sender, os.getpid()))
            process.start()
            sender.close()
            running[process.sentinel] = process, receiver
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        while running:
            for sentinel in wait(list(running)):
                process, receiver = running.pop(sentinel)
                process.join()
                if process.exitcode != 0:
                    sys.exit(f"job {process.pid} has ended with {process.exitcode}")
                results.append(receiver.recv())
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()
        for s, handler in zip(SIGNALS, before):
            signal.signal(s, handler)
    return results
