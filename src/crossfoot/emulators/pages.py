"""How the pages look on which a person logs in or gives consent in an emulated vendor's name."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from crossfoot.emulators.wire import Response

_STYLE = """
body{margin:0;background:#f3f5f8;color:#1b2430;font:16px/1.5 system-ui,sans-serif}
main{max-width:24rem;margin:10vh auto;padding:2rem;background:#fff;border:1px solid #d5dbe3;border-radius:.5rem}
h1{margin:0;font-size:1.35rem}main>p:first-of-type{margin:0 0 1.25rem;color:#55606e}
label{display:block;margin:.75rem 0 .25rem;font-weight:600}
input,select{box-sizing:border-box;width:100%;padding:.55rem;border:1px solid #7b8794;border-radius:.25rem;font:inherit}
button{margin:1.25rem .5rem 0 0;padding:.55rem 1.1rem;border:1px solid #0b5cab;border-radius:.25rem;font:inherit;
background:#fff;color:#0b5cab;cursor:pointer}
button.main{background:#0b5cab;color:#fff}
input:focus-visible,select:focus-visible,button:focus-visible{outline:3px solid #f2a900;outline-offset:1px}
[role=alert]{margin:0 0 1rem;padding:.6rem;border-left:4px solid #ba0517;background:#fdecee}
"""


def page_response(title: str, content: str) -> Response:
    """A whole page around ``content``, which is markup already."""
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main>{content}</main></body></html>"""
    headers = (("Content-Type", "text/html;charset=UTF-8"), ("Cache-Control", "no-store"), ("X-Frame-Options", "DENY"))
    return Response(200, headers, page.encode())


def hidden_fields(fields: Mapping[str, str]) -> str:
    """What the client asked for, carried along in a form."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
