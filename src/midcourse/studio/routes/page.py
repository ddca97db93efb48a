"""The page itself, with a nonce of its own for each request, and plotly's JavaScript from its Python package.

`static/index.html` holds `__NONCE__` wherever a script or style may run.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

STATIC = Path(__file__).parent.parent / "static"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'nonce-{nonce}'",
        "style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> HTMLResponse:
    """The page; every view of it is a hash route."""
    nonce = secrets.token_urlsafe(16)
    html = (STATIC / "index.html").read_text(encoding="utf-8").replace("__NONCE__", nonce)
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY.format(nonce=nonce)})


@router.get("/plotly.js")
def plotly() -> Response:
    """plotly's bundle, as its package brings it."""
    return FileResponse(_plotly(), media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


@cache
def _plotly() -> Path:
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
