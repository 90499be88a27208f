"""What each source of keys has, as `KeySources` asks it, in the words of a check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..keys.formats import hint
from ..keys.sources import Answer, Checked, Found, KeySources, check
from ..settings import Settings
from .quantities import span

if TYPE_CHECKING:
    from ..keys.vault import Vault


@dataclass(frozen=True, slots=True)
class Source:
    """One source: its answer, and what of its keys may be used (None where it has none)."""

    answer: Answer
    finding: str
    checked: Checked | None = None
    # When a login ends that nothing renews or replaces.
    login_ends_s: float = math.inf

    @property
    def shown(self) -> str:
        """What a person may see of the keys."""
        keys = (self.checked.secret, self.checked.public) if self.checked is not None else ()
        return " and ".join(hint(key) for key in keys if key is not None)


def sources(settings: Settings) -> tuple[Source, ...]:
    """Return what the sources have, in the order in which the router asks them."""
    asked = KeySources(settings)
    return tuple(_source(answer, asked.vault, settings) for answer in asked.answers())


def _source(answer: Answer, vault: Vault | None, settings: Settings) -> Source:
    checked = None if answer.found is None else check(answer.found, settings)
    if answer.name == "Vault" and vault is not None:
        return _of_vault(answer, checked, vault, settings)
    finding = answer.reason
    if answer.found is not None and answer.name == "environment":
        finding = f"has {' and '.join(_named(answer.found, answer.found.names))}"
    elif answer.found is not None:
        finding = f"{answer.source}, readable by its owner only"
    return Source(answer, finding, checked)


def _named(found: Found, names: tuple[str, ...]) -> list[str]:
    fields = (found.secret, found.public, found.master_account_id)
    return [name for name, field in zip(names, fields, strict=False) if field is not None]


def _of_vault(answer: Answer, checked: Checked | None, vault: Vault, settings: Settings) -> Source:
    where = str(settings.vault_addr)
    if settings.vault_namespace:
        where += f", namespace {settings.vault_namespace}"
    where += f", login by {_login(settings)}"
    if answer.found is None:
        return Source(answer, where)
    ends_s, is_renewable = vault.login_lasts()
    fields = _named(answer.found, ("secret_key", "public_key", "master_account_id"))
    place = f"{settings.vault_mount}/{settings.vault_path} (KV version {vault.kv_version})"
    return Source(
        answer,
        f"{where}{_lasting(ends_s, is_renewable)}; {place} has "
        f"{', '.join(sorted(fields)) or 'none of the fields'}",
        checked,
        ends_s if settings.vault_token is not None and not is_renewable else math.inf,
    )


def _lasting(ends_s: float, is_renewable: bool) -> str:
    if math.isinf(ends_s):
        return ""
    return f" (ends in {span(ends_s)}, {'' if is_renewable else 'not '}renewable)"


def _login(settings: Settings) -> str:
    """Name the login that is used: the first that is set up."""
    for name, setting in (
        ("token", settings.vault_token),
        ("token file", settings.vault_token_file),
        ("AppRole", settings.vault_role_id),
        ("Kubernetes role", settings.vault_kubernetes_role),
    ):
        if setting is not None:
            return name
    return "nothing: no login is set up"
