"""The JSON Schema of the routing file is current, and draws the line where the loader draws it."""

import copy
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stripe_billing_router.errors import BillingError
from stripe_billing_router.routing.file import load_routes

# The script is no module of a package; it is found by pytest's `pythonpath`.
generate_schema: Any = importlib.import_module("generate_schema")

CONFIG = Path(__file__).parents[2] / "config"
SCHEMA: dict[str, Any] = json.loads((CONFIG / "stripe_billing_router.schema.json").read_text())
SHIPPED = CONFIG / "stripe_billing_router.yaml"

# The keywords that the schema may use; `accepts` knows what each means.
SAID = {"$schema", "$defs", "title", "description"}
CHECKED = {
    "$ref", "type", "pattern", "minLength", "maxLength", "properties", "required",
    "additionalProperties", "propertyNames", "minProperties", "maxProperties",
}  # fmt: skip


def accepts(schema: Any, value: Any) -> bool:
    """Validate the small part of JSON Schema that ours needs."""
    if isinstance(schema, bool):
        return schema
    assert not schema.keys() - SAID - CHECKED, "teach `accepts` the new keyword"
    if "$ref" in schema:
        return accepts(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value)
    if schema.get("type") == "object" or "properties" in schema:
        return isinstance(value, dict) and accepts_object(schema, value)
    return isinstance(value, str) and accepts_text(schema, value)


def accepts_text(schema: dict[str, Any], value: str) -> bool:
    return re.search(schema.get("pattern", ""), value) is not None and schema.get(
        "minLength", 0
    ) <= len(value) <= schema.get("maxLength", 1 << 30)


def accepts_object(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    other = schema.get("additionalProperties", True)
    return (
        all(name in value for name in schema.get("required", []))
        and schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", 1 << 30)
        and all(accepts_text(schema.get("propertyNames", {}), name) for name in value)
        and all(accepts(known.get(name, other), item) for name, item in value.items())
    )


def test_the_file_is_what_the_models_say() -> None:
    assert generate_schema.routing_file_schema() == SCHEMA


def test_the_script_writes_and_checks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_schema, "SCHEMA", tmp_path / "schema.json")
    assert generate_schema.main(["--check"]) == 1
    assert "make schema" in capsys.readouterr().err
    assert generate_schema.main([]) == 0
    assert json.loads((tmp_path / "schema.json").read_text()) == SCHEMA
    assert generate_schema.main(["--check"]) == 0
    (tmp_path / "schema.json").write_text("{}")
    assert generate_schema.main(["--check"]) == 1


def test_the_shipped_file_points_to_it_and_passes() -> None:
    text = SHIPPED.read_text()
    assert text.startswith("# yaml-language-server: $schema=stripe_billing_router.schema.json\n")
    assert accepts(SCHEMA, yaml.safe_load(text))


FULL = {
    "currency": "EUR",
    "subscription_price_id": "price_2",
    "description": "Router time",
    "payment_method_id": "pm_1",
    "user_email": "bot@example.com",
    "metadata": {"team": "a"},
}
BOT = ("stripe", "default", "finance", "finance_router_bot")


def changed(*path: str, to: Any) -> Any:
    """Return the shipped tree with one place changed."""
    tree = copy.deepcopy(yaml.safe_load(SHIPPED.read_text()))
    place = tree
    for name in path[:-1]:
        place = place[name]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return tree


@pytest.mark.parametrize(
    ("tree", "good"),
    [
        *((changed(*BOT, name, to=value), True) for name, value in FULL.items()),
        (changed(*BOT, "price_id", to="plan_1"), True),
        (changed("adyen", to={"eu": {"a": {"b": {
            "product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"}}}}), True),
        (changed(*BOT, "prise_id", to="price_1"), False),
        (changed(*BOT, "secret_key", to="sk_live_abc"), False),
        (changed(*BOT, "price_id", to=None), False),
        (changed(*BOT, "price_id", to="prod_1"), False),
        (changed(*BOT, "price_id", to=""), False),
        (changed(*BOT, "price_id", to=5), False),
        (changed(*BOT, "price_id", to="price_" + "x" * 250), False),
        (changed(*BOT, "currency", to="euro"), False),
        (changed(*BOT, "description", to=""), False),
        (changed(*BOT, "user_email", to="bot"), False),
        (changed(*BOT, "metadata", to={"sbr_x": "a"}), False),
        (changed(*BOT, "metadata", to={"a[b]": "c"}), False),
        (changed(*BOT, "metadata", to={"a": ""}), False),
        (changed(*BOT, "metadata", to={"a": {"b": "c"}}), False),
        (changed(*BOT, "metadata", to={str(n): "x" for n in range(41)}), False),
        (changed(*BOT, to={}), False),
        (changed(*BOT[:3], to={}), False),
        (changed(*BOT[:1], to={}), False),
        (changed(*BOT[:3], "a b", to={}), False),
        (changed("a:b", to={"default": {"a": {"b": {}}}}), False),
        ({}, False),
    ],
)  # fmt: skip
def test_editors_and_the_loader_agree(tree: Any, good: bool, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(yaml.safe_dump(tree))
    try:
        loaded = bool(load_routes(file))
    except BillingError:
        loaded = False
    assert (accepts(SCHEMA, tree), loaded) == (good, good)
