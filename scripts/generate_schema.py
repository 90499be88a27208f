"""Generate the JSON Schema of the routing file from the models, for editors to complete and check.

Without arguments it writes config/stripe_billing_router.schema.json; with `--check` it says whether
that file is what the models say, and exits with 1 if it is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stripe_billing_router.core.identifiers import NAME_PATTERN
from stripe_billing_router.routing.route import Route

SCHEMA = Path(__file__).resolve().parent.parent / "config" / "stripe_billing_router.schema.json"

# What stands on each level above the route, from the outermost one.
LEVELS = (
    ("domain", "The domain of bot ids, `stripe` unless a bot id names another."),
    ("region", "The region that overrides={'region': …} picks; `default` without one."),
    ("business category", "The part of a bot id before the last colon."),
    ("bot name", "The last part of a bot id."),
)


def routing_file_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the routing file."""
    route = Route.model_json_schema()
    for name, field in route["properties"].items():
        route["properties"][name] = _without_null(field)
    route["description"] = "Where a bot's money goes: Stripe ids and defaults, and never a key."
    schema: dict[str, Any] = {"$ref": "#/$defs/Route"}
    for what, description in reversed(LEVELS):
        schema = {
            "type": "object",
            "description": f"By {what}. {description}",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
            "additionalProperties": schema,
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Routing file of stripe_billing_router",
        **schema,
        "$defs": {"Route": route},
    }


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Drop what only Python callers have: an optional field of a file is left out, never null."""
    variants = [variant for variant in field.get("anyOf", [field]) if variant != {"type": "null"}]
    return {key: value for key, value in variants[0].items() if key not in {"default", "title"}}


def main(arguments: list[str] | None = None) -> int:
    """Write or check the schema; return the exit status."""
    parser = argparse.ArgumentParser(description="Generate the JSON Schema of the routing file.")
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    check: bool = parser.parse_args(arguments).check
    text = json.dumps(routing_file_schema(), indent=2) + "\n"
    if not check:
        SCHEMA.write_text(text, encoding="utf-8")
        print(f"wrote {SCHEMA.name}")
        return 0
    if SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == text:
        print(f"{SCHEMA.name} is current")
        return 0
    print(f"{SCHEMA.name} is not what the models say; run: make schema", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
