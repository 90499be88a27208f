"""The secret as a real Vault holds it: both versions of KV, found out; and what is no secret."""

from collections.abc import Mapping
from typing import Any

import pytest

from stripe_billing_router.errors import (
    ConfigurationError,
    InvalidKeyError,
    MasterAccountError,
    MissingKeyError,
)
from stripe_billing_router.keys.sources import Keys, KeySources
from support.vault_places import FIELDS, Place, a_place, refusal, revealed
from support.vault_server import OwnVault, Vault

# Good keys that stand beside, and must not be used where Vault answers badly.
BESIDE = {"secret_key": "sk_live_fakeBeside", "public_key": "pk_live_fakeBeside"}


def test_the_secret_is_read_whatever_the_version_of_kv(place: Place) -> None:
    assert revealed(place.adapter(vault_token=place.token())) == FIELDS


@pytest.mark.parametrize("version", [2, 1])
def test_a_mount_and_a_path_may_have_several_names(vault: Vault, version: int) -> None:
    with a_place(vault, version, path="payments/live/stripe", below="team/eu/") as place:
        assert revealed(place.adapter(vault_token=place.token())) == FIELDS


def test_the_contracts_own_mount_and_path_need_no_setting(own_vault: OwnVault) -> None:
    own_vault.mount("secret", 2)
    place = Place(own_vault, "secret", 2)
    place.put()
    defaults = {"vault_mount": "secret", "vault_path": "stripe"}
    assert revealed(place.adapter(vault_token=place.token(), **defaults)) == FIELDS


def test_a_mount_that_was_upgraded_is_read_on(vault: Vault) -> None:
    """KV 1 becomes KV 2 while the router runs: the next reading finds it out."""
    with a_place(vault, 1) as place:
        adapter = place.adapter(vault_token=place.token())
        assert revealed(adapter) == FIELDS
        vault.call("POST", f"sys/mounts/{place.mount}/tune", {"options": {"version": "2"}})
        vault.wait_for_kv2(place.mount)
        assert revealed(adapter) == FIELDS


def test_the_newest_version_is_read(kv2: Place) -> None:
    adapter = kv2.adapter(vault_token=kv2.token())
    assert revealed(adapter) == FIELDS
    kv2.put(FIELDS | {"secret_key": "sk_live_fakeOfTheRealVault2"})
    assert revealed(adapter)["secret_key"] == "sk_live_fakeOfTheRealVault2"


def test_a_deleted_version_is_refused_and_an_older_one_not_used(kv2: Place) -> None:
    kv2.put()
    kv2.server.call("DELETE", f"{kv2.mount}/data/{kv2.path}")
    assert "404" in refusal(kv2.adapter(vault_token=kv2.token()))


def test_a_destroyed_version_is_refused(kv2: Place) -> None:
    kv2.server.call("PUT", f"{kv2.mount}/destroy/{kv2.path}", {"versions": [1]})
    assert "404" in refusal(kv2.adapter(vault_token=kv2.token()))


def test_an_undeleted_version_is_read_again(kv2: Place) -> None:
    kv2.server.call("DELETE", f"{kv2.mount}/data/{kv2.path}")
    kv2.server.call("PUT", f"{kv2.mount}/undelete/{kv2.path}", {"versions": [1]})
    assert revealed(kv2.adapter(vault_token=kv2.token())) == FIELDS


def test_a_secret_that_is_not_there_is_refused(place: Place) -> None:
    token = place.token()
    kind = "metadata/" if place.version == 2 else ""
    place.server.call("DELETE", f"{place.mount}/{kind}{place.path}")
    assert "404" in refusal(place.adapter(vault_token=token))


def test_a_path_that_the_policy_does_not_name_is_refused(place: Place) -> None:
    other = Place(place.server, place.mount, place.version, "somebody-elses")
    other.put()
    assert "403" in refusal(other.adapter(vault_token=place.token()))


def test_a_mount_that_is_not_there_is_refused(place: Place) -> None:
    assert "403" in refusal(place.adapter(vault_token=place.token(), vault_mount="nowhere"))


def test_a_mount_of_another_kind_is_refused(vault: Vault) -> None:
    root = Place(vault, "cubbyhole", 1)
    assert "KV" in refusal(root.adapter(vault_token=vault.token))


def test_the_policy_reads_and_does_nothing_else(place: Place) -> None:
    """Least privilege: with the router's own token nobody writes, lists, or grants himself more."""
    token = place.token()
    data = f"{place.mount}/{'data/' if place.version == 2 else ''}{place.path}"
    listed = f"{place.mount}/{'metadata/' if place.version == 2 else ''}"
    for method, path, body in [
        ("POST", data, {"data": FIELDS}),
        ("DELETE", data, None),
        ("LIST", listed, None),
        ("GET", "sys/policies/acl", None),
        ("GET", "sys/mounts", None),
        ("POST", "auth/token/create", {"policies": ["root"]}),
        ("PUT", "sys/seal", None),
    ]:
        assert place.server.status(method, path, body, token=token) == 403, (method, path)
    assert place.server.status("GET", data, token=token) == 200


# --- what the keys are, once they are read ---


def resolved(place: Place, fields: Mapping[str, Any], **values: Any) -> Keys:
    place.put(fields)
    return KeySources(place.settings(vault_token=place.token(), **(BESIDE | values))).read()


def without(name: str) -> dict[str, str]:
    return {field: text for field, text in FIELDS.items() if field != name}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param(without("secret_key"), MissingKeyError, id="no secret key"),
        pytest.param(without("public_key"), MissingKeyError, id="no public key"),
        pytest.param(without("master_account_id"), MasterAccountError, id="no master account"),
        pytest.param({"other": "text"}, MissingKeyError, id="neither key"),
        pytest.param(FIELDS | {"secret_key": ""}, InvalidKeyError, id="empty"),
        pytest.param(FIELDS | {"secret_key": " \n"}, InvalidKeyError, id="blank"),
        pytest.param(FIELDS | {"secret_key": None}, InvalidKeyError, id="null"),
        pytest.param(FIELDS | {"secret_key": 42}, InvalidKeyError, id="a number"),
        pytest.param(FIELDS | {"secret_key": {"live": "x"}}, InvalidKeyError, id="an object"),
        pytest.param(
            FIELDS | {"secret_key": "sk_test_fakeOfTheRealVault"}, InvalidKeyError, id="test mode"
        ),
        pytest.param(
            FIELDS | {"secret_key": FIELDS["public_key"]}, InvalidKeyError, id="pk where sk belongs"
        ),
        pytest.param(
            FIELDS | {"public_key": FIELDS["secret_key"]}, InvalidKeyError, id="sk where pk belongs"
        ),
    ],
)
def test_a_bad_secret_is_an_error_and_no_reason_to_go_on(
    place: Place, fields: dict[str, Any], error: type[ConfigurationError]
) -> None:
    with pytest.raises(error) as caught:
        resolved(place, fields)
    assert "fakeOfTheRealVault" not in f"{caught.value!r} {caught.value.args}"


def test_a_good_secret_is_used_before_what_stands_beside(place: Place) -> None:
    keys = resolved(place, {name: text + "\n" for name, text in FIELDS.items()})
    assert keys.secret.reveal() == FIELDS["secret_key"]
    assert keys.public.reveal() == FIELDS["public_key"]
    assert keys.master_account_id == FIELDS["master_account_id"]
    assert keys.source == f"Vault ({place.mount}/{place.path})"


def test_a_master_account_that_is_named_twice_must_be_the_same(place: Place) -> None:
    with pytest.raises(MasterAccountError, match="acct_somebodyelse"):
        resolved(place, FIELDS, master_account_id="acct_somebodyelse")


def test_a_server_without_namespaces_takes_no_notice_of_one(kv2: Place) -> None:
    """Only Vault Enterprise and OpenBao have them, so it is the stub that holds what is sent."""
    if kv2.server.status("POST", f"sys/namespaces/{kv2.mount}", {}) != 404:
        kv2.server.call("DELETE", f"sys/namespaces/{kv2.mount}")
        pytest.skip("this server has namespaces")
    adapter = kv2.adapter(vault_token=kv2.token(), vault_namespace="org/payments")
    assert revealed(adapter) == FIELDS
