"""The small types of the public face: what an amount, overrides, a sink and a route's key are.

Loaded with the package, so that programs that make tools of functions can read the types of
`charge`; what has many fields is in `fields`, which is for type checkers only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

# An amount in major units: 19.99 is nineteen dollars and 99 cents. A float is read by its shortest
# decimal form.
Amount = int | str | Decimal | float

# `region` and the keys of registered overrides, each with the value that picks a rule.
Overrides = Mapping[str, str]

# (domain, region, business category, bot name)
RouteKey = tuple[str, str, str, str]

# Called with (kind, severity, message, context).
AlertSink = Callable[[str, str, str, dict[str, Any]], object]
