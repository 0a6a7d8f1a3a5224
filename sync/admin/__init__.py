"""The admin of everything that syncs."""
