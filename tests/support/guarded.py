"""Files for the guard to look at."""

from __future__ import annotations

import random
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path


def fake_key(prefix: str, seed: int, length: int = 24) -> str:
    """Return what is drawn like a key of Stripe's; nobody's."""
    letters = random.Random(seed).choices(string.ascii_letters + string.digits, k=length)  # noqa: S311
    return prefix + "".join(letters)


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)  # noqa: S607


def write(path: str, content: str | bytes = "") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def samples(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the files that one file holds: what each is called, and its text."""
    for sample in file.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, _, text = sample.partition("\n")
        yield name, text
