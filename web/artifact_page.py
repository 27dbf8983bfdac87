"""Serves pages that agents made, which nobody has checked, so that they can do no harm.

A page may run its own scripts. It has no origin, so it reaches neither this runner's API nor what its pages
keep in the browser, and may load nothing from anywhere. What remains is that a document can always send
*itself* elsewhere, with what it wants to tell in the address. Only the page around a frame can forbid that,
so a page is never a document of its own: opened in a tab, it comes in a frame that may show nothing else.

One way out no such policy closes: WebRTC, whose first packets go to whatever address a page names (seen with
Chromium; the `webrtc` directive of CSP is not implemented there). See `artifact_prelude` for what does.
"""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recursor.domain.project import Artifact
from recursor.web.api.answers import unchanged
from recursor.web.artifact_prelude import with_prelude

SANDBOX = "allow-scripts allow-forms allow-modals allow-downloads"
"""What a frame around such a page should have as its `sandbox` attribute."""

_CONTENT_POLICY = "; ".join(
    (
        f"sandbox {SANDBOX}",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "media-src data: blob:",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
_SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    # No name is looked up for a link's sake: a name can be a message, too.
    "x-dns-prefetch-control": "off",
    # Chromium's own: what gets past all else, by WebRTC for one, ends the page rather than reach the network.
    "connection-allowlist": "(response-origin)",
    "permissions-policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), "
        "midi=(), payment=(), clipboard-read=(), fullscreen=()"
    ),
}
# What a browser calls the places in which a page comes to life; a download is none.
_FRAMES = ("iframe", "frame", "object", "embed", "fencedframe")
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
html,body,iframe{{margin:0;padding:0;border:0;width:100%;height:100%;display:block;overflow:hidden}}
</style></head><body><iframe sandbox="{sandbox}" src="{source}" title="{title}"></iframe></body></html>
"""


def page_response(request: Request, artifact: Artifact, lasting: bool, title: str) -> Response:
    """Return the answer that shows an artifact's page.

    Args:
        request: who asked: a tab gets the page in a frame.
        artifact: the version.
        lasting: whether this address will always show this version.
        title: what to call the page in a tab.
    """
    # A browser says for what it asks; what says nothing is a program, and runs no scripts.
    shown = request.headers.get("sec-fetch-dest")
    if shown == "document":
        return _framed(request, title)
    etag = f'"{artifact.id}"'
    headers = {
        **_SAFE,
        "content-security-policy": _CONTENT_POLICY,
        "etag": etag,
        "cache-control": "private, max-age=31536000, immutable" if lasting else "private, no-cache",
        "vary": "sec-fetch-dest",
    }
    return unchanged(request, etag) or HTMLResponse(
        with_prelude(artifact.content) if shown in _FRAMES else artifact.content, headers=headers
    )


def _framed(request: Request, title: str) -> Response:
    source = request.url.path
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; frame-src {_only(request)}; frame-ancestors 'none'"
    )
    headers = {
        **_SAFE,
        "content-security-policy": policy,
        "cache-control": "no-store",
        "vary": "sec-fetch-dest",
    }
    page = _FRAME.format(title=escape(title), sandbox=SANDBOX, source=escape(source))
    return HTMLResponse(page, headers=headers)


def _only(request: Request) -> str:
    """Return the source that is this page and nothing else of this runner."""
    return f"{request.url.scheme}://{request.headers['host']}{request.url.path}"
