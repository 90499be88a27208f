"""The package's command in processes of its own that start at once.

A Python that is started anew spends most of a second on imports before the command does anything.
So one is started that has imported what the command needs and forks a child for each run: with
arguments, environment, folder, streams and terminal of its own, and an end like any other's. Tests
of the start itself, and of what is imported when, start a Python.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0
TESTS = Path(__file__).resolve().parent.parent
_NUMBER_BYTES = 8
_PRELOADED = (
    "alembic.command", "sqlalchemy.dialects.sqlite", "stripe_billing_router.cli.app",
    "stripe_billing_router.doctor.doctor", "stripe_billing_router.router",
)  # fmt: skip
# What typer looks at when it is imported.
_FOR_ITS_IMPORTS = ("FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH")


def run_command(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command, as `subprocess.run` would, with no input."""
    return forking().run(*arguments, env=env, cwd=cwd)


class Forking:
    """One Python that forks a child for each run of the command.

    It is started with `options`; `variables` are for what packages look at when they are imported.
    """

    def __init__(self, *options: str, **variables: str) -> None:
        self._ours, theirs = socket.socketpair()
        environment = {
            name: value for name, value in os.environ.items() if name not in _FOR_ITS_IMPORTS
        } | variables
        paths = [str(TESTS), *filter(None, [environment.get("PYTHONPATH")])]
        code = f"from support.commands import serve; serve({theirs.fileno()})()"
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, *options, "-c", code],
                env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, and return what it wrote."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
            Path(os.devnull).open() as nothing,
        ):
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            self.start(arguments, streams, env=env, cwd=cwd)
            status = self.wait()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, status, out.read(), err.read())

    def start(
        self,
        arguments: Sequence[str],
        streams: Sequence[int],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        terminal: bool = False,
    ) -> None:
        """Start a run on these three streams; with `terminal` they are its controlling terminal."""
        wanted = {
            "arguments": list(arguments),
            "environment": dict(os.environ if env is None else env),
            "folder": str(cwd or Path.cwd()),
            "terminal": terminal,
        }
        request = json.dumps(wanted).encode()
        socket.send_fds(self._ours, [_packed(len(request))], list(streams))
        self._ours.sendall(request)
        self._child = _number(self._ours)

    def wait(self) -> int:
        """Return the status of the run that was started, as `subprocess` has it."""
        self._ours.settimeout(PATIENCE_S)
        try:
            return _number(self._ours)
        except TimeoutError:
            self.kill()
            raise
        finally:
            self._ours.settimeout(None)

    def kill(self) -> None:
        """End the run that was started."""
        os.kill(self._child, signal.SIGKILL)
        _number(self._ours)

    def close(self) -> None:
        """End the process that forks."""
        self._ours.close()
        self._server.wait()


@cache
def forking() -> Forking:
    """Return one that is there for as long as the tests run."""
    started = Forking()
    atexit.register(started.close)
    return started


# --- in the process that forks --------------------------------------------------------------------


def serve(descriptor: int) -> Callable[[], Any]:
    """Fork a child for each request, and return in the child what it is to do."""
    for name in _PRELOADED:
        importlib.import_module(name)
    with warnings.catch_warnings():
        # It loads its plugins at the first address, and they warn of what Python deprecates.
        warnings.simplefilter("ignore")
        apprise = importlib.import_module("apprise")
        apprise.Apprise().add("json://127.0.0.1")
    # A child that ends looks through all that it could free: what it shares is none of that.
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=descriptor)
    while True:
        header, streams, _, _ = socket.recv_fds(requests, _NUMBER_BYTES, 3)
        if not header:
            return lambda: None
        wanted = json.loads(_read(requests, _unpacked(header)))
        child = os.fork()
        if child == 0:
            requests.close()
            _become(wanted, streams)
            from stripe_billing_router.cli import main  # noqa: PLC0415 - Imported above.

            return main
        for stream in streams:
            os.close(stream)
        requests.sendall(_packed(child))
        _, status = os.waitpid(child, 0)
        requests.sendall(_packed(os.waitstatus_to_exitcode(status)))


def _packed(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big", signed=True)


def _unpacked(text: bytes) -> int:
    return int.from_bytes(text, "big", signed=True)


def _number(connection: socket.socket) -> int:
    return _unpacked(_read(connection, _NUMBER_BYTES))


def _read(connection: socket.socket, size: int) -> bytes:
    text = b""
    while len(text) < size:
        part = connection.recv(size - len(text))
        assert part, "the other process has ended"
        text += part
    return text


def _become(wanted: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Make this child what a process of its own would have been from the start."""
    if wanted["terminal"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if wanted["terminal"]:
        # The terminal becomes the controlling one, which is where a password is asked for.
        os.close(os.open(os.ttyname(0), os.O_RDWR))
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    os.chdir(wanted["folder"])
    sys.argv = ["stripe-billing-router", *wanted["arguments"]]
    encoding = wanted["environment"].get("PYTHONIOENCODING", "utf-8")
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        by_line = 1 if name == "stderr" else -1
        opened = open(number, mode, by_line, encoding, closefd=False)  # noqa: SIM115
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
