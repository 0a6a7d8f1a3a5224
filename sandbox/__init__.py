"""A Close and a Hull to talk to, strict where their behaviour is known. Imports nothing of the product."""

from sandbox.adapter import SandboxAdapter
from sandbox.close import CloseSandbox
from sandbox.hull import HullSandbox

__all__ = ["CloseSandbox", "HullSandbox", "SandboxAdapter"]
