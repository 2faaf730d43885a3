"""A socket to listen on, and the server on it."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import webbrowser

import uvicorn
from fastapi import FastAPI

from .app import LOCAL

__all__ = ["configured", "listen", "serve"]


def listen(host: str, port: int) -> tuple[socket.socket, tuple[str, ...], str]:
    """A socket that listens, the names that the server goes by there, and its address.

    Anybody who reaches an address that is not loopback may use the server, by any name.

    Raises:
        OSError: If nothing can listen there.
    """
    if not 0 <= port < 65536:
        raise ValueError(f"--port must be 0 to 65535, got {port}")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"--host, --port: can't listen on {host}:{port}: {reason}") from None
    address, port = listening.getsockname()[:2]
    local = ipaddress.ip_address(address).is_loopback
    shown = "127.0.0.1" if address == "0.0.0.0" else f"[{address}]" if ":" in address else address
    return listening, (*LOCAL, host) if local else ("*",), f"http://{shown}:{port}/"


def configured(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves the studio, which has no WebSocket and needs no advice to get one."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, ws="none")
    logging.getLogger("uvicorn.error").addFilter(_no_upgrade)
    return config


def serve(app: FastAPI, listening: socket.socket, browse: str | None = None) -> None:
    """Serves until Ctrl-C; `browse` is an address to open in a browser."""
    server = uvicorn.Server(configured(app))
    if browse is not None:
        # The socket listens already: what the browser asks for waits until it is answered.
        threading.Thread(target=webbrowser.open, args=(browse,), daemon=True).start()
    server.run(sockets=[listening])


def _no_upgrade(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    return not said.startswith(("Unsupported upgrade request", "No supported WebSocket"))
