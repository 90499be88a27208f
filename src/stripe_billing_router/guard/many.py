"""Many files, in several processes where that pays."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from .scan import Looked, scan_file

# Below this, starting processes takes longer than they save; measured with a process for each core.
_WORTH_PROCESSES: Final = 400
_AT_A_TIME: Final = 50

Named = tuple[Path, str]


def scan_files(files: Sequence[Named], *, processes: int | None = None) -> Iterator[Looked]:
    """Yield the result of each file, in order. `files` pairs where it is and what it is called."""
    if processes is None:
        processes = os.cpu_count() or 1 if len(files) >= _WORTH_PROCESSES else 1
    batches = [files[at : at + _AT_A_TIME] for at in range(0, len(files), _AT_A_TIME)]
    if processes < 2:
        for batch in batches:
            yield from _scan_batch(batch)
        return
    # Started afresh rather than forked: nothing of this process is taken over, on any system.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_end_with_parent) as pool:
        for looked in pool.map(_scan_batch, batches):
            yield from looked


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True).start()


def _wait_and_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _scan_batch(files: Sequence[Named]) -> list[Looked]:
    # Syntax trees hold no cycles: looking for some would take a fifth of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return [scan_file(file, path) for file, path in files]
    finally:
        if was_enabled:
            gc.enable()
