"""Where the Stripe keys come from, and the check of which account they belong to."""
