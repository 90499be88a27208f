"""Run the suite on each Python here, and on the oldest and the newest `stripe` that is allowed.

Run it by `make matrix`. Each cell is a virtual environment below .cache/matrix, kept for the next
time, with the locked test dependencies and this package. The newest stripe is the locked one; the
oldest, requirements/stripe-oldest.txt, is tried on the oldest Python.

With `--others`, the cell that `make test` has run already (this Python, the newest stripe) is left
out. With `--what-differs`, each cell runs only what may end differently there, see `_selection`.
Further arguments go to pytest.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "matrix"
OLDEST_PYTHON = (3, 11)
NAMES = [f"python3.{minor}" for minor in range(11, 16)]
LOCK = ROOT / "requirements" / "test.txt"
OLDEST_STRIPE_LOCK = ROOT / "requirements" / "stripe-oldest.txt"
WORKERS = "3"
# They look at the files of the repository, or at what the tests are made of: on every Python alike.
SAME_EVERYWHERE = (
    "tests/guard/test_page.py", "tests/public/test_docstrings.py", "tests/secrets/test_planted.py",
    "tests/test_compose.py", "tests/test_stripe_mock.py", "tests/test_tidy.py",
    "tests/test_vault_build.py", "tests/test_words.py",
)  # fmt: skip
# They go through Stripe's SDK, or look at what it writes, holds and loads. Everything else decides
# on plain data, or stores and shows it, and meets the same whatever the SDK is.
THROUGH_STRIPE = (
    "tests/attack", "tests/chaos", "tests/contract", "tests/docs/test_fault_table.py",
    "tests/doctor", "tests/engine", "tests/gateway", "tests/public", "tests/router",
    "tests/secrets", "tests/spec", "tests/stories", "tests/test_import.py", "tests/testing",
    "tests/upgrade",
)  # fmt: skip

# Prints the version; fails where no virtual environment can be made.
PROBE = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.implementation.name)"


@dataclass(frozen=True)
class Cell:
    """One run of the suite: `python` is the interpreter that its environment is made with."""

    python: Path
    version: str
    oldest_stripe: bool

    @property
    def stripe(self) -> str:
        """Say which stripe this cell takes."""
        return "oldest" if self.oldest_stripe else "newest"

    @property
    def environment(self) -> Path:
        """Return where its virtual environment is kept."""
        return CACHE / f"python{self.version}-stripe-{self.stripe}"


@dataclass(frozen=True)
class Result:
    """What became of a cell: pytest's closing line, or why it was never reached."""

    cell: Cell
    stripe: str
    passed: bool
    summary: str
    seconds: float


def pythons() -> dict[tuple[int, ...], Path]:
    """Return one interpreter per minor version from 3.11 on: from PATH, from pyenv, our own."""
    on_path = [shutil.which(name) for name in NAMES]
    pyenv = Path(shutil.which("pyenv") or Path.home() / ".pyenv" / "bin" / "pyenv").parent.parent
    own = Path(sys.executable)
    candidates = [own, *(Path(name) for name in on_path if name)]
    candidates += sorted(pyenv.glob("versions/3.*/bin/python"))
    found: dict[tuple[int, ...], Path] = {}
    for candidate in candidates:
        probe = subprocess.run(
            [candidate, "-c", PROBE], capture_output=True, text=True, check=False
        )
        words = probe.stdout.split()
        # A shim of a version that is not installed fails here.
        if probe.returncode != 0 or words[-1:] != ["cpython"]:
            continue
        minor = tuple(int(word) for word in words[:2])
        if minor >= OLDEST_PYTHON:
            found.setdefault(minor, candidate)
    return dict(sorted(found.items()))


def cells() -> list[Cell]:
    """Return the newest stripe on every Python, and the oldest stripe on the oldest Python."""
    found = [(python, ".".join(str(part) for part in minor)) for minor, python in pythons().items()]
    oldest_python, oldest_version = found[0]
    newest = [Cell(python, version, oldest_stripe=False) for python, version in found]
    return [*newest, Cell(oldest_python, oldest_version, oldest_stripe=True)]


def prepare(cell: Cell) -> Path:
    """Return the Python of the cell's environment, installing anew what has changed."""
    python = cell.environment / "bin" / "python"
    inputs = [LOCK, OLDEST_STRIPE_LOCK, ROOT / "pyproject.toml"]
    state = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    stamp = cell.environment / ".installed"
    if stamp.exists() and stamp.read_text() == state:
        return python
    subprocess.run([cell.python, "-m", "venv", "--clear", cell.environment], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    locked = [*pip, "--no-deps", "--require-hashes", "--requirement"]
    subprocess.run([*locked, str(LOCK)], check=True)
    if cell.oldest_stripe:
        subprocess.run([*locked, str(OLDEST_STRIPE_LOCK)], check=True)
    package = ["--no-build-isolation", "--no-deps", "--editable", str(ROOT)]
    subprocess.run([*pip, *package], check=True)
    stamp.write_text(state)
    return python


def _selection(cell: Cell) -> list[str]:
    """Return the arguments for pytest that leave out what ends in a cell as in the one before.

    Another Python runs the whole suite, without the tests of files and of the tests' own means, and
    without those marked `slow`: bots that are killed by the dozen, the benchmark and a real Vault,
    whose parts all have tests of their own. Another stripe runs of this what goes through the SDK.
    """
    gone = [path for path in (*SAME_EVERYWHERE, *THROUGH_STRIPE) if not (ROOT / path).exists()]
    if gone:
        sys.exit(f"scripts/matrix.py lists what is not there: {', '.join(gone)}")
    left_out = [f"--ignore={path}" for path in SAME_EVERYWHERE]
    paths = THROUGH_STRIPE if cell.oldest_stripe else ()
    return ["-m", "not slow and not vault", *left_out, *paths]


def run(cell: Cell, arguments: list[str]) -> Result:
    """Run the suite in one cell; its output passes through, so that progress can be seen."""
    started_at_s = time.monotonic()
    try:
        python = prepare(cell)
    except subprocess.CalledProcessError as error:
        return Result(cell, "?", passed=False, summary=f"not installed: {error}", seconds=0)
    stripe = subprocess.run(
        [python, "-c", "import importlib.metadata as m; print(m.version('stripe'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    cache = f"cache_dir={cell.environment / 'pytest'}"
    command = [str(python), "-m", "pytest", "-n", WORKERS, "-o", cache, "-q", *arguments]
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    summary = re.sub(r"\x1b\[[0-9;]*m", "", last).strip("= ")
    seconds = time.monotonic() - started_at_s
    return Result(cell, stripe, process.returncode == 0, summary, seconds)


def main(arguments: list[str]) -> int:
    """Run all cells and print a table; return 1 if one failed."""
    results = []
    intent = cells()
    flags = {"--others", "--what-differs"} & set(arguments)
    arguments = [argument for argument in arguments if argument not in flags]
    if "--others" in flags:
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        intent = [cell for cell in intent if cell.version != own or cell.oldest_stripe]
    for number, cell in enumerate(intent, start=1):
        title = f"Python {cell.version}, {cell.stripe} stripe"
        print(f"\n--- {number} of {len(intent)}: {title}", flush=True)
        chosen = _selection(cell) if "--what-differs" in flags else []
        results.append(run(cell, [*chosen, *arguments]))
    print(f"\n{'Python':8}{'stripe':10}{'':8}{'seconds':>8}  pytest says")
    for result in results:
        verdict = "ok" if result.passed else "FAILED"
        line = f"{result.cell.version:8}{result.stripe:10}{verdict:8}{result.seconds:8.0f}"
        print(f"{line}  {result.summary}")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
