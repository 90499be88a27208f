"""Where the Stripe keys come from, and the proof whose they are."""
