"""Which texts name the Stripe SDK as a module, and not just something of that name."""

from __future__ import annotations

import re
from typing import Final

SDK: Final = "stripe"

# An application's own `providers.stripe` is no copy of the SDK.
_VENDORED: Final = re.compile(r"(?:^|\.)_?(?:vendor|vendored|third_party|extern)\.stripe(?:\.|$)")
_FILE: Final = re.compile(r"(?:^|[/\\])stripe[/\\]__init__\.pyc?$")


def names_sdk(module: str) -> bool:
    """Say whether an import of `module` loads the SDK, or a vendored copy of it."""
    module = module.strip()
    plain = module == SDK or module.startswith((f"{SDK}.", f"{SDK}:"))
    return plain or _VENDORED.search(module) is not None


def is_sdk_file(path: str) -> bool:
    """Say whether a module that is loaded from the file `path` is the SDK."""
    return _FILE.search(path) is not None
