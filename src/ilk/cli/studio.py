"""`ilk studio`: a page to draw on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import tyro

from .common import Device, check_device, note, parse

__all__ = ["main", "studio"]


def studio(
    models: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[MODEL ...]", help="Shipped names or directories to choose from."),
    ] = ("omniglot",),
    host: Annotated[
        str, tyro.conf.arg(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, tyro.conf.arg(help="Port to listen on; 0 takes a free one.")] = 8026,
    no_browser: Annotated[bool, tyro.conf.arg(help="Don't open the page in a browser.")] = False,
    device: Device = "cpu",
) -> None:
    """Draw a few characters on a page and watch more of the kind appear.

    Serves the page and a JSON API, described at /api, until Ctrl-C. Nothing leaves this machine.

    Example: ilk studio --port 8080
    """
    try:
        from ilk.studio import Shelf, create_app
        from ilk.studio.server import listen, serve
    except ModuleNotFoundError as error:
        raise ImportError(f"{error}: the studio needs pip install 'ilk[studio]'") from None

    check_device(device)
    shelf = Shelf(models, device)
    socket, hosts, url = listen(host, port)
    note(f"the studio is at {url} (Ctrl-C ends it)")
    serve(create_app(shelf, hosts=hosts), socket, None if no_browser else url)


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk studio`."""
    parse(studio, "studio", arguments)
