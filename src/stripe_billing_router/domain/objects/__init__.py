"""What each Stripe object means: one file per object, one table with a row each."""
