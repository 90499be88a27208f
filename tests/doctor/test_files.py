"""The folder beside the ledger: can it take records, who may look in, and what waits there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stripe_billing_router.doctor import Status
from stripe_billing_router.storage.spool import Spool
from support.records import operation, row
from support.site import Site


@pytest.fixture
def folder(site: Site) -> Path:
    site.ledger_dir.mkdir(mode=0o700)
    return site.ledger_dir


def test_a_folder_that_is_not_there_yet_is_not_made(site: Site) -> None:
    assert site.diagnose()["folder"].status is Status.INFO
    assert not site.ledger_dir.exists()


def test_a_folder_that_can_be_written_is_left_as_it_was(site: Site, folder: Path) -> None:
    found = site.diagnose()
    assert found["folder"].status is Status.OK
    assert found["space"].status is Status.OK
    assert found["privacy"].status is Status.OK
    assert found["waiting"].status is Status.OK
    assert list(folder.iterdir()) == []


# Not even root writes there.
CLOSED = Path("/proc/self/fdinfo")


@pytest.mark.skipif(not CLOSED.exists(), reason="no folder here is closed to root")
def test_a_folder_that_cannot_be_written_is_wrong(site: Site) -> None:
    found = site.diagnose(ledger_dir=CLOSED)
    assert found["folder"].status is Status.WRONG
    assert "STRIPE_LEDGER_DIR" in found["folder"].remedy


@pytest.mark.parametrize(
    ("free_bytes", "status"), [(10**6, "wrong"), (50 * 10**6, "warning"), (10**12, "ok")]
)
def test_a_full_disk_is_told(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, status: str
) -> None:
    usage = shutil.disk_usage(folder)._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert site.diagnose()["space"].status == status


def test_who_may_look_in_is_told(site: Site, folder: Path) -> None:
    ledger = folder / "stripe_ledger.jsonl"
    ledger.touch(mode=0o600)
    folder.chmod(0o755)
    found = site.diagnose()["privacy"]
    assert found.status is Status.WARNING
    assert found.finding == "others may look into finance_logs (0755)"
    ledger.chmod(0o644)
    assert "stripe_ledger.jsonl (0644)" in site.diagnose()["privacy"].finding
    folder.chmod(0o700)
    assert site.diagnose()["privacy"].status is Status.OK


def test_what_waits_and_what_was_set_aside_is_counted_and_left(site: Site, folder: Path) -> None:
    spool = Spool(folder)
    with spool.locked():
        spool.save(operation("a"), rows=[row()])
        spool.save(operation("b"))
        spool.quarantine(b"torn")
    before = site.files()
    found = site.diagnose()
    assert found["waiting"].status is Status.WARNING
    assert "2 commits, 1 ledger row" in found["waiting"].finding
    assert found["set aside"].status is Status.WARNING
    assert "1 line " in found["set aside"].finding
    assert site.files() == before
