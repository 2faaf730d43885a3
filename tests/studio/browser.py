"""A browser that a person sits before: what is drawn, dropped and seen on the page."""

from __future__ import annotations

import re
import shutil

from playwright import sync_api as playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 300_000  # milliseconds: a busy machine
FIGURES = re.compile(r"[\d.]+ bits.*[\d.]+ nats/dim", re.S)
HAND = """([kind, target, text]) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "a.png", { type: "image/png" }));
    const place = document.querySelector(target);
    const options = { bubbles: true, cancelable: true };
    return !place.dispatchEvent(kind === "paste"
        ? new ClipboardEvent("paste", { ...options, clipboardData: data })
        : new DragEvent(kind, { ...options, dataTransfer: data }));
}"""


class Visit:
    """A page that is open, what it asked for and what went wrong on it."""

    def __init__(self, browser, address: str, width: int = 1440, **options) -> None:
        size = {"width": width, "height": 900}
        self.page = browser.new_context(viewport=size, accept_downloads=True, **options).new_page()
        self.page.set_default_timeout(WAIT)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.sees("#status", "16 drawn in")
        if width > 760:
            self.sees("#chosen-figures", FIGURES)

    def sees(self, selector: str, text) -> None:
        wanted = playwright.expect(self.page.locator(selector).first)
        wanted.to_contain_text(text, timeout=WAIT)

    def stroke(self, pad: str, *points: tuple[float, float]) -> None:
        """Draws on a pad with the mouse, places in shares of it."""
        sheet = self.page.locator(f"{pad} .tile").first
        sheet.scroll_into_view_if_needed()
        box = sheet.bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for x, y in at[1:]:
            self.page.mouse.move(x, y, steps=8)
        self.page.mouse.up()

    def draw(self, count: int) -> None:
        """Draws examples, one in each of the next free slots."""
        for i in range(count):
            x = 0.2 + 0.6 * i / count
            self.stroke("#support-pad", (x, 0.2), (x, 0.8))
            self.page.click("#support-pad >> text=Next")

    def ink(self, selector: str) -> int:
        """How many pixels of ink a tile shows."""
        count = """tile => {
            const layer = tile.querySelector("canvas.ink");
            const { data } = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height);
            return data.filter((v, i) => i % 4 === 3 && v > 0).length;
        }"""
        return self.page.locator(selector).first.evaluate(count)

    def same(self, one: str, other: str) -> bool:
        """Whether two tiles show the same ink."""
        read = "tile => tile.querySelector('canvas.ink').toDataURL()"
        return len({self.page.locator(t).first.evaluate(read) for t in (one, other)}) == 1

    def tiles(self) -> list[str]:
        """The pictures of the samples."""
        read = "tiles => tiles.map(tile => tile.querySelector('canvas.ink').toDataURL())"
        return self.page.locator("#grid .tile").evaluate_all(read)

    @property
    def filled(self) -> int:
        """How many slots hold an example."""
        return self.page.locator("#slots button:not(.blank)").count()

    @property
    def stored(self) -> list[int]:
        """How many drawings of kinds A and B the browser keeps."""
        read = "k => JSON.parse(localStorage[`ilk ${k} 1 26 26 2`] ?? '[]').length"
        return [self.page.evaluate(read, kind) for kind in "AB"]
