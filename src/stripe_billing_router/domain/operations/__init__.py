"""What each operation asks of Stripe: one file an operation, one table with a row each."""
