"""The admin of people and tenants. Importing the modules registers them."""

from accounts.admin import members, people, tenants, tokens

__all__ = ["members", "people", "tenants", "tokens"]
