"""What the pages say about names, tables and each other is what the code says."""

import inspect
import re
from pathlib import Path

import pytest

from stripe_billing_router import errors
from stripe_billing_router.core.operation import MONEY_ACTIONS, State
from stripe_billing_router.routing.route import Route
from stripe_billing_router.settings import VARIABLES, Settings
from stripe_billing_router.testing import FaultPlan
from support.pages import PAGES, ROOT, anchors, links, prose, rows
from test_tidy import ROOMS

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        assert "://" not in target, f"{link}: the pages are read without a network"
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_the_index_lists_every_page_and_each_page_leads_to_the_next() -> None:
    listed = [link for link in links(DOCS / "index.md") if link.endswith(".md")]
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.stem != "index")
    written_here = [name for name in listed if name not in ("command-line.md", "benchmarks.md")]
    for name in written_here:
        following = listed[listed.index(name) + 1]
        assert links(DOCS / name)[-1] == following, f"{name} does not end with a link to it"


def test_every_error_is_described_with_its_code_and_whether_to_retry() -> None:
    described = {row[0]: (row[1], row[3] == "yes") for row in rows(DOCS / "errors.md", "error")}
    raised = {
        name: (kind.code, kind.retryable)
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.BillingError) and kind is not errors.BillingError
    }
    assert described == raised


def test_every_setting_is_described_with_its_variable() -> None:
    described = {row[0]: row[1] for row in rows(DOCS / "operating.md", "setting")}
    assert described == {field: VARIABLES.get(field, "") for field in Settings.model_fields}


def test_every_alert_is_described() -> None:
    described = {row[0] for row in rows(DOCS / "operating.md", "alert")}
    sends = re.compile(r"(?:alert|alerts\.send|on_event)\(\s*\"(\w+)\"")
    sources = (ROOT / "src").rglob("*.py")
    sent = {kind for source in sources for kind in sends.findall(source.read_text())}
    assert {kind for names in described for kind in names.split(", ")} == sent


def test_every_state_and_every_money_action_is_named() -> None:
    described = [row[0] for row in rows(DOCS / "concepts.md", "state")]
    not_there_yet = {State.AWAITING_APPROVAL, State.DENIED}
    assert sorted(described) == sorted(set(State) - not_there_yet)
    money = re.search(r"action type `(\w+)`, `(\w+)` or `(\w+)`", prose(DOCS / "concepts.md"))
    assert money is not None
    assert set(money.groups()) == set(MONEY_ACTIONS)


def test_every_field_of_a_route_is_described() -> None:
    described = {row[0]: row[1] == "required" for row in rows(DOCS / "routing.md", "field")}
    fields = Route.model_fields.items()
    assert described == {name: field.is_required() for name, field in fields}


def test_every_fault_of_the_sandbox_is_described() -> None:
    described = {row[0] for row in rows(DOCS / "testing-your-bot.md", "fault")}
    instruction = {name for name, _ in inspect.getmembers(FaultPlan, inspect.isfunction)}
    for_the_sandbox_itself = {"add", "on_request", "in_endpoint"}
    assert described == {name for name in instruction if name[0] != "_"} - for_the_sandbox_itself


def test_every_room_is_described() -> None:
    described = [
        name for row in rows(DOCS / "architecture.md", "room") for name in row[0].split(", ")
    ]
    assert sorted(described) == sorted(name or "__init__" for name in ROOMS)


def test_what_the_architecture_names_is_there() -> None:
    source = ROOT / "src" / "stripe_billing_router"
    text = (DOCS / "architecture.md").read_text()
    rooms = "core|domain|engine|gateway|keys|routing|storage"
    named = set(re.findall(rf"`((?:{rooms})/[a-z_/]*(?:\.py)?)`", text))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (source / name).exists()] == []
