"""Each way to log in to a real Vault, with the documented policy; and each way to be refused."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.loopback import loopback_server
from support.token_reviews import ServiceAccounts, unsigned
from support.vault_places import FIELDS, Place, enable, refusal, revealed
from support.vault_server import OwnVault

WAIT_S = 20.0


def end_of(place: Place, token: str) -> None:
    """Wait until Vault no longer knows a token."""
    deadline_s = time.monotonic() + WAIT_S
    while place.server.status("GET", "auth/token/lookup-self", token=token) == 200:
        assert time.monotonic() < deadline_s, "the token does not end"
        time.sleep(0.1)


def restricted(place: Place) -> str:
    """Return the name of the part of the policy that reads, without what renews."""
    reads = place.server.call("GET", f"sys/policies/acl/{place.policy}")["data"]["policy"]
    name = f"{place.policy}-only-reads"
    reads = reads.partition('path "auth/')[0].rpartition("#")[0]
    place.server.call("PUT", f"sys/policies/acl/{name}", {"policy": reads})
    return name


# --- by a token ---


def test_by_a_token(place: Place) -> None:
    assert revealed(place.adapter(vault_token=place.token())) == FIELDS


def test_by_a_token_that_lacks_vaults_default_policy(place: Place) -> None:
    """What it needs beside reading is in the documented policy."""
    token = place.token(no_default_policy=True)
    assert place.server.status("GET", "auth/token/lookup-self", token=token) == 200
    assert place.server.status("POST", "auth/token/renew-self", {}, token=token) == 200
    assert revealed(place.adapter(vault_token=token)) == FIELDS


def test_by_a_token_that_may_not_even_look_itself_up(place: Place) -> None:
    token = place.token(no_default_policy=True, policies=[restricted(place)])
    assert place.server.status("GET", "auth/token/lookup-self", token=token) == 403
    assert revealed(place.adapter(vault_token=token)) == FIELDS


def test_by_a_batch_token(place: Place) -> None:
    assert revealed(place.adapter(vault_token=place.token(type="batch"))) == FIELDS


def test_a_token_that_vault_does_not_know_is_refused(place: Place) -> None:
    assert "403" in refusal(place.adapter(vault_token="hvs.fakeTokenOfNobody"))


@pytest.mark.parametrize("token", ["hvs.fake\nToken", "hvs.fäke", " "])
def test_a_token_that_is_none_is_refused(kv2: Place, token: str) -> None:
    assert refusal(kv2.adapter(vault_token=token))


def test_a_revoked_token_is_refused(place: Place) -> None:
    token = place.token()
    adapter = place.adapter(vault_token=token)
    assert revealed(adapter) == FIELDS
    place.server.call("POST", "auth/token/revoke", {"token": token})
    assert "403" in refusal(adapter)
    assert "403" in refusal(place.adapter(vault_token=token))


def test_a_token_that_ended_is_refused(place: Place) -> None:
    token = place.token(ttl="1s", explicit_max_ttl="1s")
    end_of(place, token)
    assert "403" in refusal(place.adapter(vault_token=token))


def test_a_token_whose_policy_does_not_read_the_secret_is_refused(place: Place) -> None:
    assert "403" in refusal(place.adapter(vault_token=place.token(policies=["default"])))


def test_a_token_that_is_good_for_too_few_requests_is_refused(kv2: Place) -> None:
    assert "403" in refusal(kv2.adapter(vault_token=kv2.token(num_uses=1)))


# --- by a token file, as Vault Agent writes it ---


@pytest.mark.parametrize("end", ["", "\n"])
def test_by_a_token_file(place: Place, tmp_path: Path, end: str) -> None:
    file = tmp_path / "token"
    file.write_text(place.token() + end)
    assert revealed(place.adapter(vault_token_file=file)) == FIELDS


def test_a_token_file_is_read_again_when_its_token_was_replaced(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    first = place.token()
    file.write_text(first)
    adapter = place.adapter(vault_token_file=file)
    assert revealed(adapter) == FIELDS
    (tmp_path / "new").write_text(place.token())
    (tmp_path / "new").replace(file)  # As Vault Agent does.
    place.server.call("POST", "auth/token/revoke", {"token": first})
    assert revealed(adapter) == FIELDS


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_token_file_without_a_token_is_refused(
    kv2: Place, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    assert "VAULT_TOKEN_FILE" in refusal(kv2.adapter(vault_token_file=file))


# --- by AppRole ---


def test_by_app_role(place: Place) -> None:
    assert revealed(place.adapter(**place.app_role())) == FIELDS


def test_by_app_role_without_vaults_default_policy(place: Place) -> None:
    assert revealed(place.adapter(**place.app_role(token_no_default_policy=True))) == FIELDS


def test_a_secret_id_that_is_good_for_one_login_serves_one_process(place: Place) -> None:
    once = place.app_role(secret_id_num_uses=1)
    adapter = place.adapter(**once)
    assert revealed(adapter) == FIELDS
    assert revealed(adapter) == FIELDS, "the login is kept"
    assert "400" in refusal(place.adapter(**once))


def test_a_secret_id_that_is_not_the_roles_is_refused(place: Place) -> None:
    login = place.app_role() | {"vault_secret_id": "fake-secret-id"}
    assert "400" in refusal(place.adapter(**login))


def test_a_role_that_is_not_there_is_refused(place: Place) -> None:
    login = place.app_role() | {"vault_role_id": "fake-role-id"}
    assert "400" in refusal(place.adapter(**login))


def test_a_revoked_login_is_followed_by_another(place: Place) -> None:
    adapter = place.adapter(**place.app_role())
    assert revealed(adapter) == FIELDS
    place.revoke_logins()
    assert revealed(adapter) == FIELDS


def test_a_login_that_ended_is_followed_by_another(place: Place) -> None:
    adapter = place.adapter(**place.app_role(token_ttl="1s", token_max_ttl="1s"))
    assert revealed(adapter) == FIELDS
    time.sleep(1.1)
    assert revealed(adapter) == FIELDS


# --- by Kubernetes ---


@pytest.fixture
def accounts(own_vault: OwnVault) -> Iterator[ServiceAccounts]:
    """The service accounts of a cluster that the server asks; it has its own, so is its server."""
    accounts = ServiceAccounts()
    with loopback_server(accounts) as kubernetes:
        enable(own_vault, "kubernetes")
        own_vault.call(
            "POST",
            "auth/kubernetes/config",
            {"kubernetes_host": kubernetes.url, "disable_local_ca_jwt": True},
        )
        yield accounts


@pytest.fixture
def in_cluster(own_vault: OwnVault, accounts: ServiceAccounts, tmp_path: Path) -> dict[str, Any]:
    """How a pod logs in, with a token that the cluster issued."""
    own_vault.mount("secret", 2)
    place = Place(own_vault, "secret", 2)
    place.put()
    file = tmp_path / "service-account-token"
    file.write_text(accounts.issue())
    role = place.kubernetes_role()
    return {"place": place, "file": file, "role": role}


def pod(in_cluster: dict[str, Any], **values: Any) -> Any:
    return in_cluster["place"].adapter(
        **{
            "vault_kubernetes_role": in_cluster["role"],
            "vault_kubernetes_token_file": in_cluster["file"],
            **values,
        }
    )


def test_by_kubernetes(in_cluster: dict[str, Any]) -> None:
    assert revealed(pod(in_cluster)) == FIELDS


def test_kubernetes_exchanges_the_file_and_the_next_login_takes_what_is_there(
    in_cluster: dict[str, Any], accounts: ServiceAccounts
) -> None:
    adapter = pod(in_cluster)
    assert revealed(adapter) == FIELDS
    accounts.revoke(in_cluster["file"].read_text())
    in_cluster["file"].write_text(accounts.issue() + "\n")
    in_cluster["place"].revoke_logins()
    assert revealed(adapter) == FIELDS


def test_a_token_that_the_cluster_did_not_issue_is_refused(in_cluster: dict[str, Any]) -> None:
    in_cluster["file"].write_text(unsigned(600))
    assert "403" in refusal(pod(in_cluster))


def test_a_token_of_the_cluster_that_ended_is_refused(
    in_cluster: dict[str, Any], accounts: ServiceAccounts
) -> None:
    in_cluster["file"].write_text(accounts.issue(ttl_s=-3600))
    assert refusal(pod(in_cluster))


def test_a_role_for_other_service_accounts_is_refused(in_cluster: dict[str, Any]) -> None:
    in_cluster["place"].kubernetes_role(bound_service_account_names=["others"])
    assert "403" in refusal(pod(in_cluster))


def test_a_role_that_kubernetes_logins_do_not_have_is_refused(in_cluster: dict[str, Any]) -> None:
    assert "400" in refusal(pod(in_cluster, vault_kubernetes_role="nobody"))


def test_text_that_is_no_token_of_a_cluster_is_refused(in_cluster: dict[str, Any]) -> None:
    in_cluster["file"].write_text("fakeJwt")
    assert refusal(pod(in_cluster))


# --- what is set up wrongly ---


def test_no_login_is_refused(kv2: Place) -> None:
    assert "no login" in refusal(kv2.adapter())


def test_a_way_to_log_in_that_the_server_does_not_have_is_refused(own_vault: OwnVault) -> None:
    login = {"vault_role_id": "fake-role-id", "vault_secret_id": "fake-secret-id"}
    assert refusal(Place(own_vault, "secret", 2).adapter(**login))
