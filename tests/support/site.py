"""A place to diagnose, and what the doctor says of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stripe_billing_router.doctor import Check, Diagnosis, Status, diagnose
from stripe_billing_router.settings import Settings
from stripe_billing_router.storage.records import Records
from stripe_billing_router.testing import StripeSandbox
from support.records import open_records

SECRET = "sk_live_51PlantedSecretKeyThatNobodyMaySeeWXYZ"
PUBLIC = "pk_live_51PlantedPublicKeyThatNobodyMaySeeQRST"


@dataclass
class Site:
    """A host with everything set up; a test breaks some of it."""

    folder: Path
    sandbox: StripeSandbox
    settings: dict[str, Any]
    said: list[Diagnosis] = field(default_factory=list)

    def diagnose(self, **changes: Any) -> dict[str, Check]:
        """Return the checks by name; where a name stands twice, the last."""
        found = diagnose(Settings(**(self.settings | changes)))
        self.said.append(found)
        assert "Planted" not in repr(found), "no secret is shown"
        return {check.name: check for check in found.checks}

    @property
    def ledger_dir(self) -> Path:
        return self.folder / "finance_logs"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.ledger_dir / 'stripe_ledger.db'}"

    def records(self, url: str | None = None) -> closing[Records]:
        """Open the records as a router would, which makes the database."""
        opened = open_records(url or self.url, self.ledger_dir)
        assert opened.freezes() == []
        return closing(opened)

    def files(self) -> dict[str, bytes]:
        """Return every file below the folder with what is in it."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else b""
            for path in self.folder.rglob("*")
        }


def statuses(found: dict[str, Check]) -> dict[str, str]:
    """Return what is neither well nor only worth knowing."""
    fine = {Status.OK, Status.INFO}
    return {name: str(check.status) for name, check in found.items() if check.status not in fine}
