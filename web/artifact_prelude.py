"""A script that runs in an agent's page before the page's own code, and closes the leak that no policy
closes.

No directive of a content security policy that browsers implement keeps a page from WebRTC, with which it
could send UDP to anyone. Removing the constructor does. The page's own frames, which would have it again, are
removed before they load: they could show nothing anyway.
"""

import re

_SCRIPT = (
    "<script>(()=>{"
    "for(const n of Object.getOwnPropertyNames(window))if(/^(webkit|moz)?RTC/.test(n))delete window[n];"
    "const all='iframe,frame,object,embed,fencedframe,portal';"
    "const drop=r=>{for(const e of r.querySelectorAll(all))e.remove();"
    "for(const e of r.querySelectorAll('*'))if(e.shadowRoot)drop(e.shadowRoot)};"
    "const watch=r=>new MutationObserver(()=>drop(r)).observe(r,{childList:true,subtree:true});"
    "const attach=Element.prototype.attachShadow;"
    "Element.prototype.attachShadow=function(o){const r=attach.call(this,o);watch(r);return r};"
    "delete Element.prototype.setHTMLUnsafe;delete ShadowRoot.prototype.setHTMLUnsafe;"
    "delete Document.parseHTMLUnsafe;"
    "watch(document);"
    "document.currentScript.remove();"
    "})()</script>"
)

# Without a doctype, or with anything before it, browsers use quirks mode.
_DOCTYPE = re.compile(r"\ufeff?\s*<!doctype[^>]*>", re.IGNORECASE)

# The removal cannot see frames in such a root; the feature is not worth a leak.
_SHADOW_ROOT = re.compile("shadowrootmode", re.IGNORECASE)


def with_prelude(page: str) -> str:
    """Return a page in which the script runs first."""
    doctype = _DOCTYPE.match(page)
    at = doctype.end() if doctype is not None else 0
    return page[:at] + _SCRIPT + _SHADOW_ROOT.sub("data-no-root", page[at:])
