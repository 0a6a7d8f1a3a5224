"""The pages on which a person sees what a sandbox holds."""


def page(title: str, kind: str) -> str:
    """Return the page of one remote."""
    return f"<!doctype html><title>{title}</title><h1>{title} ({kind})</h1>"
