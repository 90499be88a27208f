"""The one way by which autonomous bots make Stripe payments. Importing it does nothing."""
