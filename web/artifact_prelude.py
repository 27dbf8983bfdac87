"""What runs in a page that an agent made before anything of that page does, and closes what no policy closes.

No directive of a content security policy that browsers know keeps a page from WebRTC, by which it could speak
UDP to anyone. Without the constructor there is none, and frames of the page's own, which would have it again,
are taken out before they load: they could show nothing anyway.
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

# Without it, or with anything before it, browsers would show the page as those of the nineties.
_DOCTYPE = re.compile(r"\ufeff?\s*<!doctype[^>]*>", re.IGNORECASE)

# A frame in a root like that is out of sight of what takes frames out. It is not worth a way out.
_SHADOW_ROOT = re.compile("shadowrootmode", re.IGNORECASE)


def with_prelude(page: str) -> str:
    """Return a page, in which what closes it runs first."""
    doctype = _DOCTYPE.match(page)
    at = doctype.end() if doctype is not None else 0
    return page[:at] + _SCRIPT + _SHADOW_ROOT.sub("data-no-root", page[at:])
