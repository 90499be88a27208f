"""TLS with a private CA, which the test makes: who is trusted, and who never sees a token."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.vault_ca import PrivateCA
from support.vault_places import FIELDS, Place, outage, refusal, revealed
from support.vault_server import OwnVault, Vault


@dataclass
class Tls:
    """A server that speaks TLS, whose certificate can be exchanged while it runs."""

    server: OwnVault
    ca: PrivateCA
    files: tuple[Path, Path]

    @property
    def place(self) -> Place:
        place = Place(self.server, "secret", 2)
        place.put()
        return place

    def exchange(self, ca: PrivateCA, **options: str) -> None:
        ca.issue(self.files, **options)
        self.server.reload_certificate()


@pytest.fixture
def tls(vault: Vault, binary: Path, tmp_path: Path) -> Iterator[Tls]:
    ca = PrivateCA.made_by(vault, tmp_path)
    files = (tmp_path / "server.pem", tmp_path / "server.key")
    ca.issue(files)
    with OwnVault.running(binary, tmp_path / "vault", tls=files) as server:
        server.mount("secret", 2)
        yield Tls(server, ca, files)


def test_the_private_ca_that_vault_cacert_names_is_trusted(tls: Tls) -> None:
    token = tls.place.token()
    adapter = tls.place.adapter(
        vault_addr=tls.server.tls_address, vault_token=token, vault_cacert=tls.ca.file
    )
    assert revealed(adapter) == FIELDS


def test_a_bundle_that_has_the_ca_among_others_is_trusted(
    tls: Tls, vault: Vault, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    other = PrivateCA.made_by(vault, tmp_path)
    bundle.write_text(other.file.read_text() + "\n" + tls.ca.file.read_text())
    adapter = tls.place.adapter(
        vault_addr=tls.server.tls_address, vault_token=tls.place.token(), vault_cacert=bundle
    )
    assert revealed(adapter) == FIELDS


def refused(tls: Tls, **values: str | Path | None) -> str:
    """Read what must be refused over TLS, whatever login would be sent."""
    addressed = {"vault_addr": tls.server.tls_address, "vault_cacert": tls.ca.file}
    message = refusal(tls.place.adapter(vault_token=tls.place.token(), **(addressed | values)))
    login = tls.place.app_role()
    assert refusal(tls.place.adapter(**login, **(addressed | values))) == message
    return message


def test_without_vault_cacert_a_private_ca_is_not_trusted(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a bundle of the environment, which requests would take."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca.file))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca.file))
    assert "certificate" in refused(tls, vault_cacert=None)


def test_another_ca_is_not_trusted(tls: Tls, vault: Vault, tmp_path: Path) -> None:
    other = PrivateCA.made_by(vault, tmp_path)
    assert "certificate" in refused(tls, vault_cacert=other.file)


def test_an_impostor_on_the_same_address_is_not_trusted(
    tls: Tls, vault: Vault, tmp_path: Path
) -> None:
    """The adapter was connected before, and holds a login that the impostor would like to have."""
    adapter = tls.place.adapter(
        vault_addr=tls.server.tls_address, vault_cacert=tls.ca.file, **tls.place.app_role()
    )
    assert revealed(adapter) == FIELDS
    tls.exchange(PrivateCA.made_by(vault, tmp_path))
    assert "certificate" in refusal(adapter)


def test_a_certificate_for_another_host_is_not_trusted(tls: Tls) -> None:
    tls.exchange(tls.ca, ip_sans="127.0.0.2", alt_names="vault.elsewhere.test")
    assert "certificate" in refused(tls)


def test_a_certificate_that_ended_is_not_trusted_until_it_is_renewed(tls: Tls) -> None:
    tls.exchange(tls.ca, ttl="1s")
    time.sleep(1.5)
    assert "certificate" in refused(tls)
    tls.exchange(tls.ca)
    adapter = tls.place.adapter(
        vault_addr=tls.server.tls_address,
        vault_cacert=tls.ca.file,
        vault_token=tls.place.token(),
    )
    assert revealed(adapter) == FIELDS


@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_a_vault_cacert_without_a_certificate_is_refused(
    tls: Tls, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "broken.pem"
    if content is not None:
        file.write_text(content)
    assert refused(tls, vault_cacert=file)


def test_plain_http_where_tls_is_spoken_gives_nothing(tls: Tls) -> None:
    """Vault answers 400: nobody takes that for a secret, nor for an outage."""
    address = tls.server.tls_address.replace("https:", "http:")
    assert refusal(tls.place.adapter(vault_addr=address, vault_token=tls.place.token()))


def test_tls_where_plain_http_is_spoken_gives_nothing(tls: Tls) -> None:
    address = tls.server.address.replace("http:", "https:")
    adapter = tls.place.adapter(
        vault_addr=address, vault_token=tls.place.token(), vault_cacert=tls.ca.file
    )
    assert refusal(adapter)


def test_a_server_that_was_killed_is_away_and_not_distrusted(tls: Tls) -> None:
    place, token = tls.place, tls.place.token()
    tls.server.kill()
    adapter = place.adapter(
        vault_addr=tls.server.tls_address, vault_token=token, vault_cacert=tls.ca.file
    )
    assert "connection failed" in outage(adapter)
