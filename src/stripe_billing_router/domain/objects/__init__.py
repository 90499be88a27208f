"""What each Stripe object means: one file an object, one table with a row each."""
