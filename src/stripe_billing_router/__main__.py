"""`python -m stripe_billing_router` is the command `stripe-billing-router`."""

from .cli import main

if __name__ == "__main__":
    main()
