"""The ledger is looked at, and never made, migrated or written."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from stripe_billing_router.core.operation import State
from stripe_billing_router.doctor import Status
from stripe_billing_router.doctor.mounts import network_file_system
from stripe_billing_router.storage import status
from support.records import freeze, operation, row
from support.site import Site


def sql(site: Site, statement: str) -> None:
    with closing(sqlite3.connect(site.ledger_dir / "stripe_ledger.db")) as database, database:
        database.execute(statement)


def fill(site: Site, url: str | None = None) -> None:
    """Leave what bots leave: settled, unknown, at work, left behind by a dead one; and a freeze."""
    far = time.time_ns() // 1_000_000 + 3_600_000
    with site.records(url) as records:
        for key, state, lease in (
            ("settled", State.SUCCEEDED, 0),
            ("unknown", State.UNKNOWN, 0),
            ("at work", State.PENDING, far),
            ("left", State.PENDING, 1),
        ):
            begun = operation(key, lease_until_ms=lease)
            assert records.begin(begun) is None
            if state is not State.PENDING:
                records.save(replace(begun, state=state))
        records.log(row())
        records.freeze(freeze("finance:*"))


def test_a_ledger_that_is_not_there_yet_is_well_and_is_not_made(site: Site) -> None:
    before = site.files()
    found = site.diagnose()
    assert found["database"].status is Status.INFO
    assert "does not exist yet" in found["database"].finding
    assert site.files() == before


def test_a_ledger_that_cannot_be_made_is_wrong(site: Site) -> None:
    site.ledger_dir.write_text("a file where a folder belongs")
    found = site.diagnose()
    assert found["database"].status is Status.WRONG
    assert found["folder"].status is Status.WRONG
    below_a_file = site.diagnose(ledger_dir=site.ledger_dir / "inside")
    assert below_a_file["database"].status is Status.WRONG
    assert below_a_file["folder"].status is Status.WRONG


def test_a_ledger_that_vanished_is_wrong(site: Site) -> None:
    fill(site)
    (site.ledger_dir / "stripe_ledger.db").unlink()
    found = site.diagnose()
    assert found["database"].status is Status.WRONG
    assert "backup" in found["database"].remedy


def test_a_ledger_in_use_is_told_and_left_as_it_is(site: Site) -> None:
    fill(site)
    before = site.files()
    found = site.diagnose()
    assert "schema 0001" in found["database"].finding
    assert found["writing"].status is Status.OK
    assert found["operations"].status is Status.WARNING
    assert found["operations"].finding == "left unfinished: 1 unknown, 1 pending"
    assert "recover" in found["operations"].remedy
    assert found["under way"].finding == "1 pending"
    assert found["freezes"].finding == "1 freeze in force: finance:*"
    assert site.files() == before


def test_a_ledger_where_all_is_settled_is_well(site: Site) -> None:
    with site.records():
        pass
    found = site.diagnose()
    assert found["operations"].finding == "all are finished"
    assert found["freezes"].finding == "no bot is frozen"


def test_a_newer_ledger_is_wrong_and_an_older_one_is_not_migrated(site: Site) -> None:
    fill(site)
    sql(site, "UPDATE stripe_schema_version SET version_num = '9999'")
    newer = site.diagnose()
    assert newer["database"].status is Status.WRONG
    assert "Update stripe_billing_router" in newer["database"].remedy
    sql(site, "UPDATE stripe_schema_version SET version_num = '0000'")
    before = site.files()
    older = site.diagnose()
    assert older["database"].status is Status.WARNING
    # What was not read is not told.
    assert {"operations", "freezes"}.isdisjoint(older.keys() | newer.keys())
    assert site.files() == before


def test_a_database_of_somebody_else_gets_no_tables(site: Site) -> None:
    site.ledger_dir.mkdir(mode=0o700)
    sql(site, "CREATE TABLE precious (id)")
    before = site.files()
    found = site.diagnose()
    assert found["database"].status is Status.INFO
    assert "without tables yet" in found["database"].finding
    assert site.files() == before


def test_a_file_that_is_no_database_is_wrong(site: Site) -> None:
    site.ledger_dir.mkdir(mode=0o700)
    (site.ledger_dir / "stripe_ledger.db").write_text("not a database" * 100)
    found = site.diagnose()
    assert found["database"].status is Status.WRONG
    assert "file is not a database" in found["database"].finding


def test_a_ledger_that_somebody_keeps_locked_is_wrong(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_WAIT_S", 0.2)
    fill(site)
    file = site.ledger_dir / "stripe_ledger.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = site.diagnose()
    assert found["database"].status is Status.OK
    assert found["writing"].status is Status.WRONG
    assert "locked" in found["writing"].finding


@pytest.mark.parametrize(
    "url",
    ["mysql://ada:PlantedPassword@h/d", "sqlite:///:memory:", "PlantedNonsense"],
)
def test_an_address_that_no_ledger_can_have_is_wrong(site: Site, url: str) -> None:
    found = site.diagnose(ledger_url=url)
    assert found["database"].status is Status.WRONG
    assert found["database"].remedy


# --- PostgreSQL -----------------------------------------------------------------------------------


def tables(url: str) -> list[str]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    schema = sa.make_url(url).query["application_name"]
    try:
        return sa.inspect(engine).get_table_names(schema=str(schema))
    finally:
        engine.dispose()


def test_a_new_postgresql_is_well_and_gets_no_tables(site: Site, postgres_url: str) -> None:
    found = site.diagnose(ledger_url=postgres_url)
    assert found["database"].status is Status.INFO
    assert "PostgreSQL" in found["database"].finding
    assert found["writing"].status is Status.OK
    assert tables(postgres_url) == []


def test_a_postgresql_in_use_is_told(site: Site, postgres_url: str) -> None:
    fill(site, postgres_url)
    found = site.diagnose(ledger_url=postgres_url)
    assert found["database"].status is Status.OK
    assert found["operations"].finding == "left unfinished: 1 unknown, 1 pending"
    assert found["under way"].finding == "1 pending"
    assert found["freezes"].status is Status.WARNING


def test_a_postgresql_that_only_reads_is_wrong(site: Site, postgres_url: str) -> None:
    fill(site, postgres_url)
    url = sa.make_url(postgres_url)
    options = f"{url.query['options']} -c default_transaction_read_only=on"
    read_only = url.update_query_dict({"options": options})
    found = site.diagnose(ledger_url=read_only.render_as_string(hide_password=False))
    assert found["writing"].status is Status.WRONG
    assert "default_transaction_read_only" in found["writing"].finding


def test_a_postgresql_without_our_schema_is_wrong(site: Site, postgres_url: str) -> None:
    url = sa.make_url(postgres_url).update_query_dict({"options": "-csearch_path=nowhere"})
    found = site.diagnose(ledger_url=url.render_as_string(hide_password=False))
    assert found["writing"].status is Status.WRONG
    assert "CREATE" in found["writing"].finding


def test_a_postgresql_that_is_away_is_wrong(site: Site) -> None:
    found = site.diagnose(ledger_url="postgresql://ada:PlantedPassword@127.0.0.1:1/billing")
    assert found["database"].status is Status.WRONG
    assert "PostgreSQL billing at 127.0.0.1" in found["database"].finding
    assert "refused" in found["database"].finding


# --- network file systems -------------------------------------------------------------------------

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:27 / /srv rw,relatime - nfs4 files:/srv rw,vers=4.2
32 31 254:1 / /srv/local rw,relatime - xfs /dev/vdb rw
33 22 0:28 / /mnt/with\040blank rw - cifs //files/share rw
34 22 0:29 / /over rw - ext4 /dev/vdc rw
35 22 0:30 / /over rw - fuse.sshfs there: rw
torn
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/ledger.db", ""),
        ("/srv/bots/ledger.db", "nfs4"),
        ("/srvother/ledger.db", ""),
        ("/srv/local/ledger.db", ""),
        ("/mnt/with blank/ledger.db", "cifs"),
        ("/over/ledger.db", "fuse.sshfs"),
    ],
)
def test_a_network_file_system_is_found_out(path: str, kind: str) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_sqlite_on_a_network_file_system_is_wrong(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = site.folder / "mountinfo"
    mounts.write_text(f"31 22 0:27 / {site.folder} rw - nfs4 files:/srv rw\n", encoding="utf-8")
    monkeypatch.setattr("stripe_billing_router.doctor.ledger._MOUNTS", mounts)
    found = site.diagnose()
    assert found["file system"].status is Status.WRONG
    assert "nfs4" in found["file system"].finding
