"""The routing file and the limits file: each problem with its line, and what is only suspicious."""

from __future__ import annotations

from stripe_billing_router.doctor import Status, diagnose
from stripe_billing_router.settings import Settings
from support.planted import holds_secrets
from support.site import Site

BAD = """\
stripe:
  default:
    finance:
      one_bot:
        product_id: prod_1
        price_id: prod_2
        customer_id: cus_1
      two_bot:
        product_id: prod_1
        price_id: price_1
        customer_id: cus_1
        colour: red
"""


def routes(site: Site, text: str) -> None:
    (site.folder / "routes.yaml").write_text(text, encoding="utf-8")


def test_routes_are_counted(site: Site) -> None:
    found = site.diagnose()["routing file"]
    assert found.status is Status.OK
    assert found.finding.endswith("3 routes in 2 regions (default, eu)")


def test_each_problem_is_a_line_of_its_own(site: Site) -> None:
    routes(site, BAD)
    found = [
        check for check in diagnose(Settings(**site.settings)).checks
        if check.name == "routing file"
    ]  # fmt: skip
    assert [check.status for check in found] == [Status.WRONG] * 2
    for check, line in zip(found, ("line 6:", "line 12:"), strict=True):
        assert f"routes.yaml, {line}" in check.finding


def test_a_file_that_cannot_be_parsed_or_found_is_wrong(site: Site) -> None:
    routes(site, "stripe:\n  default: {\n")
    assert "line 3" in site.diagnose()["routing file"].finding
    (site.folder / "routes.yaml").unlink()
    missing = site.diagnose()["routing file"]
    assert missing.status is Status.WRONG
    assert "STRIPE_ROUTING_CONFIG" in missing.remedy


def test_a_key_in_a_route_is_wrong_and_not_shown(site: Site) -> None:
    holds_secrets(site.folder / "routes.yaml")
    routes(site, BAD.replace("colour: red", "secret_key: sk_live_51PlantedKey"))
    assert site.diagnose()["routing file"].status is Status.WRONG


def test_routes_of_other_regions_without_a_currency_are_a_warning(site: Site) -> None:
    text = (site.folder / "routes.yaml").read_text(encoding="utf-8")
    routes(site, text.replace("        currency: eur\n", ""))
    found = site.diagnose()["currencies"]
    assert found.status is Status.WARNING
    assert "1 route of other regions names no currency: finance:finance_router_bot (eu)" in (
        found.finding
    )


def test_a_file_that_everybody_may_write_is_a_warning(site: Site) -> None:
    (site.folder / "routes.yaml").chmod(0o666)
    found = site.diagnose()["routing file"]
    assert found.status is Status.WARNING
    assert "chmod o-w" in found.remedy


def test_the_limits_file_is_parsed_and_nothing_more_is_promised(site: Site) -> None:
    assert site.diagnose()["limits file"].status is Status.INFO
    file = site.folder / "config" / "spend_limits.yaml"
    file.parent.mkdir()
    file.write_text("limits:\n  - name: finance-daily\n", encoding="utf-8")
    told = site.diagnose()["limits file"]
    assert told.status is Status.WARNING
    assert "does not read its rules yet" in told.finding
    holds_secrets(file).write_text("limits:\n  - [sk_live_51PlantedKey\n", encoding="utf-8")
    broken = site.diagnose()["limits file"]
    assert broken.status is Status.WRONG
    assert "line 3" in broken.finding


def test_a_limits_file_that_is_named_must_exist(site: Site) -> None:
    found = site.diagnose(limits_config=site.folder / "nowhere.yaml")["limits file"]
    assert found.status is Status.WRONG
