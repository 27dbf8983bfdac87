"""Serves pages made by agents, which nobody has checked, so that they can do no harm.

A page may run its own scripts. It has no origin, so it reaches neither this runner's API nor the browser
storage of the runner's pages, and may load nothing from anywhere. But a document can always navigate *itself*
elsewhere, with data in the address. Only the page around a frame can forbid that, so a page is never a
top-level document: opened in a tab, it comes in a frame that may show nothing else.

One leak remains under any such policy: WebRTC, whose first packets go to whatever address a page names (seen
with Chromium, which does not implement the `webrtc` directive of CSP). `artifact_prelude` closes it.
"""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recursor.domain.project import Artifact
from recursor.web.api.answers import unchanged
from recursor.web.artifact_prelude import with_prelude

SANDBOX = "allow-scripts allow-forms allow-modals allow-downloads"
"""The `sandbox` attribute for a frame around such a page."""

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
    # No DNS lookups for links: a name can carry data, too.
    "x-dns-prefetch-control": "off",
    # Chromium's own: whatever gets past everything else, such as WebRTC, ends the page instead of reaching
    # the network.
    "connection-allowlist": "(response-origin)",
    "permissions-policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), "
        "midi=(), payment=(), clipboard-read=(), fullscreen=()"
    ),
}
# The browser's names for requests that display a page; a download is not one.
_FRAMES = ("iframe", "frame", "object", "embed", "fencedframe")
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
html,body,iframe{{margin:0;padding:0;border:0;width:100%;height:100%;display:block;overflow:hidden}}
</style></head><body><iframe sandbox="{sandbox}" src="{source}" title="{title}"></iframe></body></html>
"""


def page_response(request: Request, artifact: Artifact, lasting: bool, title: str) -> Response:
    """Return the answer that shows an artifact's page.

    Args:
        request: the request: a tab gets the page in a frame.
        artifact: the version.
        lasting: whether this address always shows this version.
        title: the page's title in a tab.
    """
    # A browser states the destination of a request; a client that does not is a program, and runs no scripts.
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
    """Return the CSP source for this page and nothing else of this runner."""
    return f"{request.url.scheme}://{request.headers['host']}{request.url.path}"
