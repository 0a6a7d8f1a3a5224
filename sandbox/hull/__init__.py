"""A simulated Hull."""

from sandbox.hull.app import HullSandbox

__all__ = ["HullSandbox"]
