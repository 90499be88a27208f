# What the router needs of Vault: to read one secret, and to keep its own token alive.
#
#   vault policy write stripe-billing-router docs/vault-policy.hcl
#
# Keep the lines of the KV version that you have. With another mount or path (STRIPE_VAULT_MOUNT,
# STRIPE_VAULT_PATH) change them here as well.

# KV version 2
path "secret/data/stripe" {
  capabilities = ["read"]
}

# KV version 1
path "secret/stripe" {
  capabilities = ["read"]
}

# Both are in Vault's policy "default" too: they matter for tokens that do not have it.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
