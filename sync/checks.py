"""System checks, numbered, each with a hint."""
