"""Small pages for people who sign in: no scripts, nothing from elsewhere, in nobody's frame."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Final

from starlette.responses import Response

from router.printable import printable

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:4em auto;padding:0 1em}"
    "dt{opacity:.7}dd{margin:0 0 .6em}button{font:inherit;padding:.3em 1em}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Turnout: {title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""
_AGAIN: Final = '<p><a href="/admin/sign-in">Sign in</a></p>'
_TRY_AGAIN: Final = '<p><a href="/admin/sign-in">Try again</a></p>'
_OUT: Final = (
    '<form method="post" action="/admin/sign-out"><button type="submit">Sign out</button></form>'
)
_ALERTS: Final = '<p><a href="/admin/v1/alerts/page">Alerts</a></p>'


def failed(status: int, title: str, text: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """A page that says what went wrong, and how to try again."""
    return _page(status, title, f"<p>{_safe(text)}</p>{_TRY_AGAIN}", headers=headers)


def signed_out() -> Response:
    """The page at the end."""
    return _page(200, "Signed out", f"<p>Your session here is over.</p>{_AGAIN}")


def signed_in(facts: Sequence[tuple[str, str]], leads_to: str | None, *, alerts: bool) -> Response:
    """The page that says who somebody is. `leads_to` is the origin of where the provider signs
    people out: browsers hold a form's redirects to what the page allows."""
    rows = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(fact)}</dd>" for name, fact in facts)
    body = f"<dl>{rows}</dl>{_ALERTS if alerts else ''}{_OUT}"
    return _page(200, "Signed in", body, form=f"'self' {leads_to or ''}".strip())


def _page(
    status: int,
    title: str,
    body: str,
    *,
    form: str = "'none'",
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    text = _PAGE.format(title=_safe(title), style=_STYLE, body=body)
    made = Response(text, status, media_type="text/html")
    made.headers.update({
        "cache-control": "no-store",
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {form}; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "referrer-policy": "same-origin",  # with none at all, forms would not say their origin
        "x-content-type-options": "nosniff",
    })  # fmt: skip
    for name, value in headers:
        made.headers.append(name, value)
    return made


def _safe(text: str) -> str:
    return escape(printable(text))
