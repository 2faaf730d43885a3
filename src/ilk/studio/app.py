"""The server: the page, its API, and an answer to whether it is well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import ilk

from .api import router
from .examples import examples
from .guard import Guard
from .jobs import Busy, Jobs
from .limits import Limits
from .shelf import Shelf
from .stream import Gone
from .warm import warm

__all__ = ["LOCAL", "create_app"]

LOCAL = ("localhost", "127.0.0.1", "::1")
PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def create_app(
    shelf: Shelf, limits: Limits | None = None, hosts: Iterable[str] = LOCAL
) -> FastAPI:
    """The studio as an ASGI application.

    Arguments:
        shelf: The models that it offers.
        limits: Of requests.
        hosts: Names under which it is known; `*` for any.
    """
    limits = limits or Limits()
    jobs = Jobs(limits.jobs, limits.work_seconds)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await warm(shelf, jobs)
        yield
        jobs.stop()

    # The pages that come with FastAPI load scripts from other hosts; /api is our own.
    app = FastAPI(
        title="ilk studio",
        version=ilk.__version__,
        description=_told(limits),
        lifespan=life,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.jobs = jobs
    app.include_router(router(shelf, jobs, limits))
    _add_pages(app, shelf, jobs)
    _add_errors(app)
    app.add_middleware(Guard, hosts=hosts, limits=limits)
    return app


def _told(limits: Limits) -> str:
    return (
        "Show it a few examples; get a distribution."
        f" A request has at most {limits.body / 2**20:.3g} MiB, {limits.support} examples a kind,"
        f" {limits.images} images to draw or score and {limits.kinds} kinds to compare."
    )


def _add_pages(app: FastAPI, shelf: Shelf, jobs: Jobs) -> None:
    # All that can be asked for is in memory: no request becomes a path.
    files = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in TYPES}
    shown = examples(shelf)

    def page(name: str) -> Response:
        kind = TYPES[Path(name).suffix]
        return Response(files[name], media_type=kind, headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return page("index.html")

    @app.get("/api", include_in_schema=False)
    async def reference() -> Response:
        return page("api.html")

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "no such page")
        return page(name)

    @app.get("/examples.json", include_in_schema=False)
    async def example() -> dict[str, dict[str, list[str]]]:
        return shown

    @app.get("/healthz", summary="Whether the server is well", tags=["server"])
    async def health() -> dict[str, Any]:
        return {"status": "ok", "version": ilk.__version__, "jobs": len(jobs.active)}


def _add_errors(app: FastAPI) -> None:
    def handler(status: int) -> Any:
        async def answer(_: Request, error: Exception) -> Response:
            return JSONResponse({"error": str(error)}, status)

        return answer

    async def answered(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    async def malformed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"error": _reason(error.errors()[0])}, 422)

    app.add_exception_handler(HTTPException, answered)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(ValueError, handler(422))
    app.add_exception_handler(Busy, handler(429))
    app.add_exception_handler(TimeoutError, handler(408))
    app.add_exception_handler(Gone, handler(499))


def _reason(error: dict[str, Any]) -> str:
    """What was wrong with a request, and where."""
    place = ".".join(str(part) for part in error["loc"] if part != "body") or "body"
    if error["type"] == "json_invalid":
        return f"body: this is no JSON, from character {place} on"
    if error["loc"] == ("body",) and isinstance(error.get("input"), str | bytes):
        return "body: wanted JSON, and the header content-type: application/json"
    return f"{place[:200]}: {error['msg']}"
