"""Processes beside this one, and its end: locks that hold between processes, and signals that end it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from genoml.io.errors import FormatError, printable

#: bytes of a lock file that are read for a message
_MOST_HOLDER = 200
#: a process that holds a lock writes its name into the file within this time, in seconds
_NAMED_WITHIN_S = 1.0
#: signals that end a command as Ctrl-C does, where the system has them
_ENDING = ("SIGTERM", "SIGHUP")
#: do not follow a link, and do not wait for the other end of a pipe
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
    _LOCK_FLAGS |= getattr(os, _name, 0)
#: errors of a lock that another holds
_HELD = (errno.EACCES, errno.EAGAIN)


class InUseError(ValueError):
    """Raised if another process is writing what this one would write."""


def lock(file: IO[Any], *, wait: bool) -> bool | None:
    """Lock a file until it is closed, as the system does when a process ends in any way.

    Returns
    -------
    bool or None
        False if another holds it; None if this system or file system has no such locks.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return None
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def open_lock(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file that is made for a lock.

    Raises
    ------
    FormatError
        If something other than a file has its name, as in a folder of someone else: opening a pipe would wait for ever.
    OSError
        If it cannot be made, or is a link.
    """
    try:
        handle = os.open(path, _LOCK_FLAGS, 0o666)
    except FileNotFoundError:
        folder = os.path.dirname(path)
        raise FileNotFoundError(f"{folder}: no such directory to write {os.fspath(path)} in") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FormatError("this is a device, pipe or socket", path=os.fspath(path), fix="remove it")
    return open(handle, "r+b")


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give an OSError the name of the file, which that of a full disk lacks."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or os.fspath(path)
        raise


@contextmanager
def locked(path: str | os.PathLike[str], what: str | os.PathLike[str]) -> Iterator[None]:
    """Be the only process that writes something, until the block ends.

    The lock is on a file that is made for it, holds the number and host of the process, and goes with the lock. It
    ends with its process, also if that is killed. Where there are no locks (``lock``) nothing is locked.

    Parameters
    ----------
    path : path
        The lock file.
    what : path
        What is written, for the message.

    Raises
    ------
    InUseError
        If another process holds the lock; the message names process and host.
    OSError
        If the lock file cannot be made.
    """
    with _lock_file(path, what) as file:
        try:
            with naming(path):
                os.ftruncate(file.fileno(), 0)
                os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            yield
        finally:
            with suppress(OSError):
                if _is_at(path, file):
                    os.unlink(path)


def _lock_file(path: str | os.PathLike[str], what: str | os.PathLike[str]) -> IO[bytes]:
    """The lock file, open and locked."""
    deadline = time.monotonic() + _NAMED_WITHIN_S
    while True:
        file = open_lock(path)
        try:
            if lock(file, wait=False) is False:
                holder = _holder(file)
                if holder or time.monotonic() > deadline:
                    raise _in_use(what, holder)
                time.sleep(0.005)  # its holder has locked it just now, and is about to write its name
            elif _is_at(path, file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # its holder has no name yet, or has just removed it, so that it is no lock any more


def refuse_locked(path: str | os.PathLike[str], what: str | os.PathLike[str]) -> None:
    """Raise InUseError if another process holds the lock of ``locked`` on this file.

    The file stays as it is. The lock is held while this looks, without a name, so that a process that is about to
    take it tries again, and is not refused.
    """
    with suppress(OSError), open(path, "rb") as file:
        if lock(file, wait=False) is False:
            raise _in_use(what, _holder(file))


def _holder(file: IO[bytes]) -> str:
    """What a lock file says of the process that holds it; empty if that has locked it just now."""
    file.seek(0)
    return printable(file.read(_MOST_HOLDER).decode(errors="replace").strip())


def _in_use(what: str | os.PathLike[str], holder: str) -> InUseError:
    return InUseError(
        f"{os.fspath(what)}: is being written by {holder or 'another process'}; wait until it has ended"
    )


def _is_at(path: str | os.PathLike[str], file: IO[bytes]) -> bool:
    """Whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


_catching = False


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, which batch systems send, and SIGHUP end the block as Ctrl-C does, and then the process.

    A signal that is ignored, as SIGHUP under nohup, stays ignored. Within itself it does nothing more.
    """
    global _catching
    if _catching or threading.current_thread() is not threading.main_thread():  # which alone catches signals
        yield
        return
    received: list[int] = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    known = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in known}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, stop)
    _catching = True
    try:
        yield
    finally:
        _catching = False
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            os.kill(os.getpid(), received[0])
