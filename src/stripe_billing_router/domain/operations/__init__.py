"""What each operation asks of Stripe: one file per operation, one table with a row each."""
