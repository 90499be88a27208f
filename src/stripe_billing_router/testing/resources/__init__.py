"""Stripe's resources, one file each: their objects, endpoints and parameters."""
