"""What the cases of a parametrized test are called."""

from decimal import Decimal
from typing import Any


def case(value: Any) -> str:
    """Name a case by its value: briefly, the same in every process, and without a backslash.

    pytest escapes those once more each time it collects in one process. `make mutate` lets it, and
    would look for cases that no longer have the name. An int of 5,000 digits has no text.
    """
    if isinstance(value, int) and value.bit_length() > 64:
        return f"int of {value.bit_length()} bits"
    plain = isinstance(value, int | float | str | bytes | Decimal | dict | list | None)
    return ascii(value)[:24].replace("\\", "/") if plain else type(value).__name__
