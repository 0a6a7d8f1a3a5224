"""A simulated Close."""

from sandbox.close.app import CloseSandbox

__all__ = ["CloseSandbox"]
