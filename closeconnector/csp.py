"""Content-Security-Policy: only what we serve ourselves. The admin theme evaluates expressions, so /admin/ may."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

BASE = "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; img-src 'self' data:"
STRICT = f"{BASE}; script-src 'self'; style-src 'self' 'unsafe-inline'"
ADMIN = f"{BASE}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; font-src 'self' data:"


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every answer whose view has not set one of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = ADMIN if request.path.startswith("/admin/") else STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
