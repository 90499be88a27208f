"""The public place of the rollback: what a mismatch starts, and what hooks are given."""

from .engine.rollback import RollbackHook, RollbackManager, RollbackReport

__all__ = ["RollbackHook", "RollbackManager", "RollbackReport"]
