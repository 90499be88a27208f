"""Where pickled receipts of every version look for what rebuilds them."""

from .core.receipt import Receipt, _rebuild

__all__ = ["Receipt", "_rebuild"]
