"""The parts are looked at independently: one that fails or hangs hides no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stripe_billing_router.doctor import Check, Diagnosis, Status, diagnose
from stripe_billing_router.doctor.diagnosis import ok, warning, wrong
from stripe_billing_router.doctor.examination import Part, examine
from stripe_billing_router.doctor.host import is_within
from stripe_billing_router.doctor.quantities import first_few, span
from stripe_billing_router.settings import Settings
from support.site import Site


def well(_settings: Settings) -> Iterator[Check]:
    yield ok("here", "fine")


def fails(_settings: Settings) -> Iterator[Check]:
    yield ok("before", "fine")
    raise ValueError("sk_live_51PlantedKey")


def test_a_part_that_fails_keeps_what_it_found_and_hides_no_other() -> None:
    checks = examine([Part("first", fails), Part("second", well)], Settings())
    assert [(check.section, check.status) for check in checks] == [
        ("first", Status.OK),
        ("first", Status.WRONG),
        ("second", Status.OK),
    ]
    assert "ValueError" in checks[1].finding
    assert "Planted" not in repr(checks)


def test_a_part_that_hangs_is_left_behind() -> None:
    released = threading.Event()

    def hangs(_settings: Settings) -> Iterator[Check]:
        yield ok("before", "fine")
        released.wait()

    checks = examine([Part("first", hangs), Part("second", well)], Settings(), longest_s=1.0)
    released.set()
    assert [(check.section, check.status) for check in checks] == [
        ("first", Status.OK),
        ("first", Status.WRONG),
        ("second", Status.OK),
    ]
    assert "no answer in time" in checks[1].finding


def test_what_needs_a_setting_that_cannot_be_used_is_not_looked_at() -> None:
    parts = [Part("first", fails, frozenset({"ledger_url", "ledger_dir"})), Part("second", well)]
    checks = examine(parts, Settings(), frozenset({"ledger_url"}))
    assert [check.status for check in checks] == [Status.NOT_CHECKED, Status.OK]
    assert "STRIPE_LEDGER_URL" in checks[0].finding


def test_the_worst_decides() -> None:
    fine, suspicious, broken = ok("a", ""), warning("b", "", ""), wrong("c", "", "")
    assert Diagnosis(()).status is Status.OK
    assert Diagnosis((fine, suspicious)).status is Status.WARNING
    assert Diagnosis((broken, suspicious, fine)).status is Status.WRONG


def test_every_setting_that_cannot_be_used_is_told_and_the_rest_is_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", "https://PlantedHost.example")
    monkeypatch.setenv("STRIPE_VAULT_PATH", "../PlantedPath")
    monkeypatch.setenv("STRIPE_ROUTING_CONFIG", str(site.folder / "routes.yaml"))
    found = diagnose()
    told = [check.finding for check in found.checks if check.name == "settings"]
    assert len(told) == 2
    assert "STRIPE_API_BASE" in told[0]
    assert "STRIPE_VAULT_PATH" in told[1]
    assert "Planted" not in repr(found)
    by_section = {check.section: check.status for check in found.checks}
    assert by_section["keys"] is Status.NOT_CHECKED
    assert by_section["routing"] is not Status.NOT_CHECKED
    assert {check.status for check in found.checks if check.name == "routing file"} == {Status.OK}


def test_keys_are_looked_at_where_only_the_address_of_stripe_is_wrong(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_BASE", "https://PlantedHost.example")
    monkeypatch.setenv("STRIPE_SECRET_KEY", site.settings["secret_key"])
    monkeypatch.setenv("STRIPE_PUBLIC_KEY", site.settings["public_key"])
    found = {check.name: check for check in diagnose().checks}
    assert found["secret key"].status is Status.OK
    assert found["account"].status is Status.NOT_CHECKED


def test_settings_of_a_program_are_told_by_name_only(site: Site) -> None:
    told = site.diagnose()["settings"].finding
    assert "STRIPE_SECRET_KEY" in told
    assert "http_client" in told
    with_none = {check.name: check for check in diagnose(Settings()).checks if check.section in
                 ("settings", "host")}  # fmt: skip
    assert "none is set" in with_none["settings"].finding


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Of Apprise's own imports.
def test_alert_addresses_are_understood_and_not_asked(site: Site) -> None:
    pytest.importorskip("apprise")
    assert site.diagnose(alert_urls=("json://127.0.0.1:1/Planted",))["addresses"].status == "ok"
    unknown = site.diagnose(alert_urls=("nobody-knows://Planted",))["addresses"]
    assert unknown.status is Status.WRONG
    assert "STRIPE_ALERT_URLS" in unknown.remedy


def test_the_sdk_that_writes_what_it_does_is_a_warning(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "SDK log" not in site.diagnose()
    monkeypatch.setattr("stripe.log", "debug")
    assert site.diagnose()["SDK log"].status is Status.WARNING


def test_what_is_installed_is_told(site: Site) -> None:
    found = site.diagnose()
    for name in ("package", "Python", "Stripe SDK", "libraries"):
        assert found[name].status is Status.OK
    assert "sqlalchemy" in found["libraries"].finding


@pytest.mark.parametrize(
    ("uid", "said"), [(0, "root: "), (987_654_321, "a user without a name (uid 987654321)")]
)
def test_who_runs_it_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, uid: int, said: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    assert site.diagnose()["user"].finding.startswith(said)


@pytest.mark.parametrize(
    ("version", "bounds", "is_it"),
    [
        ("16.1.0", "<17,>=15.0", True),
        ("15", ">=15.0,<17", True),
        ("14.9.9", "<17,>=15.0", False),
        ("17.0.0", "<17,>=15.0", False),
        ("2.0.35", ">=2.0.35", True),
        ("2.0.9", ">=2.0.35", False),
        ("1.2.3+local.9", "<2", True),
        ("3", "", True),
    ],
)
def test_bounds_of_versions(version: str, bounds: str, is_it: bool) -> None:
    assert is_within(version, bounds) is is_it


def test_libraries_out_of_bounds_or_missing_are_wrong(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["stripe<15,>=14", "nowhere-to-be-found>=1", "absent>=1; extra == 'x'", "pyyaml<7,>=6"]
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: wanted)
    found = [check for check in diagnose(Settings(**site.settings)).checks
             if check.name == "libraries" and check.status is Status.WRONG]  # fmt: skip
    assert len(found) == 2
    assert "stripe" in found[0].finding
    assert "<15,>=14 is needed" in found[0].finding
    assert "missing" in found[1].finding


def test_lists_and_lengths_of_time_are_short() -> None:
    assert first_few(["a", "b", "c"], 2) == "a, b and 1 more"
    assert [span(seconds) for seconds in (45, 3480, 25_200, 2_592_000)] == [
        "45 s", "58 min", "7 h", "30 days",
    ]  # fmt: skip


def test_relative_folders_are_told_whole(site: Site) -> None:
    found = site.diagnose(ledger_dir=Path("finance_logs"))
    assert str(site.folder / "finance_logs") in found["folder"].finding
