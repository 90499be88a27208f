"""The limits file. Its rules are not read yet; whether it is YAML at all can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ..errors import LimitsConfigError

# As in `Settings.limits_config`: used if it is there.
DEFAULT_FILE: Final = Path("config/spend_limits.yaml")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def expect_yaml(file: Path) -> None:
    """Parse the file without building anything from it.

    Raises:
        LimitsConfigError: it cannot be read, or is not YAML; names the line, and quotes nothing.
    """
    problem = ""
    try:
        with file.open("rb") as handle:
            for _ in yaml.parse(handle, Loader=_LOADER):
                pass
    except OSError as error:
        problem = f" cannot be read: {error.strerror}"
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        at = "" if mark is None else f", line {mark.line + 1}"
        why = getattr(error, "problem", None) or getattr(error, "reason", "unreadable")
        problem = f"{at}: not valid YAML: {why}"
    if problem:
        raise LimitsConfigError(f"limits file {file}{problem}")
