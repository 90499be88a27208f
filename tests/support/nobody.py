"""Secrets of nobody: well-formed, obviously fake, and each with a part by which it is found."""

from __future__ import annotations

from typing import Final

from support.planted import plant

# The part that must be seen nowhere: also a secret that was cut short or quoted has it.
ALL: Final = {
    name: plant(f"Nobodys{name.title().replace(' ', '')}")
    for name in (
        "secret key", "restricted key", "public key", "organisation key", "webhook secret",
        "client secret", "vault token", "role id", "token of kubernetes", "database password",
        "alert token", "alert password",
    )
} | {"app role secret id": plant("4bad8bad0fa4e")}  # fmt: skip

SECRET_KEY: Final = "sk_live_fake" + ALL["secret key"]
RESTRICTED_KEY: Final = "rk_live_fake" + ALL["restricted key"]
PUBLIC_KEY: Final = "pk_live_fake" + ALL["public key"]
ORGANISATION_KEY: Final = "sk_org_live_fake" + ALL["organisation key"]
WEBHOOK_SECRET: Final = "whsec_fake" + ALL["webhook secret"]
CLIENT_SECRET: Final = "pi_3Nfake_secret_" + ALL["client secret"]
VAULT_TOKEN: Final = "hvs.fake" + ALL["vault token"]
ROLE_ID: Final = "role-" + ALL["role id"]
SECRET_ID: Final = "5ec2e7ed-fa4e-4bad-8bad-" + ALL["app role secret id"]
KUBERNETES_TOKEN: Final = "eyJmYWtlIjoxfQ.eyJmYWtlIjoyfQ." + ALL["token of kubernetes"]
DATABASE_URL: Final = f"postgresql://bots:{ALL['database password']}@127.0.0.1:9/ledger"
ALERT_URL: Final = f"json://ops:{ALL['alert password']}@127.0.0.1:9/{ALL['alert token']}"

# What anybody can tell to be a secret by its form alone.
WELL_FORMED: Final = {
    "secret key": SECRET_KEY,
    "restricted key": RESTRICTED_KEY,
    "public key": PUBLIC_KEY,
    "organisation key": ORGANISATION_KEY,
    "webhook secret": WEBHOOK_SECRET,
    "client secret": CLIENT_SECRET,
    "vault token": VAULT_TOKEN,
    "token of kubernetes": KUBERNETES_TOKEN,
}
