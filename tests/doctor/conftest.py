"""A place where everything is set up, for a doctor to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing import StripeSandbox
from support.platform import ROUTES
from support.site import PUBLIC, SECRET, Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.yaml").write_text(ROUTES, encoding="utf-8")
    sandbox = StripeSandbox()
    return Site(
        tmp_path,
        sandbox,
        {
            "http_client": sandbox.http_client(),
            "secret_key": SECRET,
            "public_key": PUBLIC,
            "master_account_id": sandbox.account_id,
            "routing_config": tmp_path / "routes.yaml",
            "ledger_dir": tmp_path / "finance_logs",
            "baked_keys_file": tmp_path / "baked_keys.py",
        },
    )
