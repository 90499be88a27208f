"""Where receipts pickled by earlier versions look for their class."""

from .core.receipt import Receipt, _rebuild

__all__ = ["Receipt", "_rebuild"]
