"""Stripe's resources, one file each: their objects, their endpoints and what these take."""
