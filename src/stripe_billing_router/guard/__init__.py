"""The guard: finds Stripe keys and direct use of Stripe in files that are not the router's own.

It only reads. Nothing of what it looks at is imported or run, and no key that it finds is shown.
"""
