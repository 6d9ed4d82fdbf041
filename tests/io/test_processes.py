from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from genoml.io.processes import InUseError, lock, locked, refuse_locked, signals_as_ctrl_c
from support.subprocesses import hearing_ctrl_c, process

HOLD = """
import sys
from genoml.io.processes import locked
with locked(sys.argv[1], "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_for_one_process_says_who_holds_it_and_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        who = f"process {other.pid} on {socket.gethostname()}"
        with pytest.raises(InUseError) as caught, locked(path, tmp_path / "run"):
            pass
        assert str(caught.value) == f"{tmp_path}/run: is being written by {who}; wait until it has ended"
        other.kill()
    # the file is still there, and its owner is not
    assert path.read_text() == f"{who}\n"
    with locked(path, "run"):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"
    assert not path.exists()


def test_a_lock_on_a_file_that_its_holder_removed_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, "run"):
        path.unlink()
        with locked(path, "run"):  # of another file of that name
            assert path.exists()
        assert not path.exists()


def test_a_holder_that_has_just_locked_is_named_once_it_has_written_its_name(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("wb", buffering=0) as held:
        assert lock(held, wait=False)
        writer = threading.Timer(0.1, held.write, [b"process 7 on here"])
        writer.start()
        with (
            pytest.raises(InUseError, match="run: is being written by process 7 on here"),
            locked(held.name, "run"),
        ):
            pass
        writer.join()


def test_to_ask_whether_a_file_is_locked_changes_nothing(tmp_path: Path) -> None:
    """A process that has made its lock file, and not locked it yet, must find it again."""
    path = tmp_path / "lock"
    path.touch()
    made = path.stat()
    refuse_locked(path, "run")
    assert os.path.samestat(path.stat(), made)
    with locked(path, "run"):
        with pytest.raises(InUseError, match=f"run: is being written by process {os.getpid()} on"):
            refuse_locked(path, "run")
        assert os.path.samestat(path.stat(), made)
    refuse_locked(path, "run")  # which is not there any more
    assert not path.exists()


def test_a_lock_is_refused_while_another_file_object_has_it(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as first, (tmp_path / "a").open("rb") as second:
        assert lock(first, wait=False) is True
        assert lock(second, wait=False) is False
    with (tmp_path / "a").open("rb") as third:
        assert lock(third, wait=True) is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_as_ctrl_c_does_and_then_the_process(number: signal.Signals) -> None:
    code = (
        "import os, sys; from genoml.io.processes import signals_as_ctrl_c\n"
        "with signals_as_ctrl_c(), signals_as_ctrl_c():\n"
        "    try:\n"
        "        os.kill(os.getpid(), int(sys.argv[1]))\n"
        "    except KeyboardInterrupt:\n"
        "        print('tidied', flush=True)\n"
    )
    with hearing_ctrl_c():
        done = subprocess.run([sys.executable, "-c", code, str(int(number))], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("tidied\n", "", -number)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_lock_on_a_full_disk_names_its_file_and_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("genoml.io.processes.os.write", full)
    with pytest.raises(OSError, match="No space left") as caught, locked(tmp_path / "lock", "the file"):
        pass
    assert caught.value.filename == str(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
