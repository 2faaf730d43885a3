"""The page in a browser, by doing what a person does."""

from __future__ import annotations

import base64
import re
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from studio.toys import picture

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api as playwright

import ilk
from ilk.studio import Shelf, create_app
from ilk.studio.server import listen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

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


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = ilk.models.ConditionalPixelCNN((1, 48, 48), width=8, depth=2)
    return model.save(tmp_path_factory.mktemp("models") / "large")


@pytest.fixture(scope="module")
def address(tiny: Path, large: Path) -> Iterator[str]:
    listening, hosts, url = listen("127.0.0.1", 0)
    app = create_app(Shelf([str(tiny), str(large)]), hosts=hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=WAIT)
        yield browser
        browser.close()


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


@pytest.fixture
def visit(browser, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    assert not visit.errors
    assert all(url.startswith((address, "blob:", "data:")) for url in visit.asked)
    visit.page.context.close()


def test_a_first_visit_shows_an_example(visit: Visit) -> None:
    assert visit.page.locator("#slots button:not(.blank)").count() == 4
    assert visit.ink("#query-pad .tile") > 20
    for caption in visit.page.locator("#grid small").all_inner_texts():
        assert FIGURES.search(caption)
    visit.sees("#surprise-figures", FIGURES)
    visit.sees("#which", re.compile(r"Kind A.*%.*bits.*Kind B.*%.*bits", re.S))


def test_draw_examples_and_more_of_them(visit: Visit) -> None:
    page = visit.page
    page.click("#empty")
    assert page.locator("#slots button:not(.blank)").count() == 0
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8), (0.7, 0.8))
    drawn = visit.ink("#support-pad .tile")
    assert 20 < drawn < 200 and visit.ink("#slots .tile") == drawn
    page.click("#slots button >> nth=1")
    assert visit.ink("#support-pad .tile") == 0
    visit.stroke("#support-pad", (0.5, 0.2), (0.5, 0.8))
    page.click("#support-pad >> text=Undo")
    assert visit.ink("#support-pad .tile") == 0
    visit.stroke("#support-pad", (0.6, 0.2), (0.6, 0.8))
    before = visit.tiles()
    with page.expect_request("**/api/sample") as asked:
        page.click("#draw")
    assert len(asked.value.post_data_json["support"]) == 2
    visit.sees("#status", "16 drawn in")
    assert visit.tiles() != before


def test_touch_draws(browser, address: str) -> None:
    visit = Visit(browser, address, width=390, has_touch=True, is_mobile=True)
    before = visit.ink("#support-pad .tile")
    sheet = visit.page.locator("#support-pad .tile")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    visit.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert visit.ink("#support-pad .tile") > before
    wide = "document.documentElement.scrollWidth"
    assert visit.page.evaluate(wide) <= 390
    assert not visit.errors
    visit.page.context.close()


def test_keyboard_draws(visit: Visit) -> None:
    page = visit.page
    page.click("#empty")
    page.locator("#support-pad .tile").focus()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    assert visit.ink("#support-pad .tile") == 5
    page.keyboard.press("Control+z")
    assert visit.ink("#support-pad .tile") == 4
    page.keyboard.press("Delete")
    assert visit.ink("#support-pad .tile") == 0
    page.focus("#draw")
    page.keyboard.press("Enter")
    visit.sees("#status", "16 drawn in")


def test_pictures_are_picked_dropped_and_pasted(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.click("#empty")
    files = [tmp_path / f"{i}.png" for i in range(2)]
    for i, file in enumerate(files):
        file.write_bytes(base64.b64decode(picture(40 + 10 * i)))
    page.set_input_files("#files", files)
    filled = playwright.expect(page.locator("#slots button:not(.blank)"))
    filled.to_have_count(2, timeout=WAIT)
    page.evaluate(HAND, ["drop", "#support", picture(70)])
    filled.to_have_count(3, timeout=WAIT)
    page.evaluate(HAND, ["paste", "body", picture(30)])
    filled.to_have_count(4, timeout=WAIT)
    page.evaluate(HAND, ["drop", "#support", base64.b64encode(b"no picture").decode()])
    visit.sees("#support-status", "There is room for 4 examples")
    page.click("#empty")
    page.evaluate(HAND, ["drop", "#support", base64.b64encode(b"no picture").decode()])
    visit.sees("#support-status", "not a picture")


def test_temperature_0_draws_one_image(visit: Visit) -> None:
    visit.page.locator("#temperature").fill("0")
    visit.page.click("#draw")
    visit.sees("#status", "16 drawn in")
    assert len(set(visit.tiles())) == 1


def test_scrub_back_and_branch(visit: Visit) -> None:
    page = visit.page
    page.click("#grid button >> nth=3")
    assert page.is_disabled("#branch")  # sixteen copies of what is done already
    page.locator("#scrub").fill("200")
    visit.sees("#at", "200 of 676, row 8, column 19")
    visit.sees("#elsewhere", "%")
    half = visit.ink("#chosen .tile")
    shares = page.locator("#gaze small, #elsewhere").all_inner_texts()
    assert 96 <= sum(int(s.split()[-2]) for s in shares) <= 104
    page.locator("#scrub").fill("400")
    assert visit.ink("#chosen .tile") > half
    page.locator("#scrub").fill("200")
    page.click("#branch")
    assert page.is_visible("#inspector")
    visit.sees("#status", "16 branches drawn in")
    visit.sees("#at", "200 of 676")
    assert visit.ink("#chosen .tile") == half
    assert len(set(visit.tiles())) > 1


def test_play_writes_it_again(visit: Visit) -> None:
    visit.page.click("#play")
    visit.sees("#play", "Pause")
    visit.sees("#at", "done")
    visit.sees("#play", "Play")


def test_ask_about_a_sample_and_complete_it(visit: Visit) -> None:
    page = visit.page
    page.click("#complete")
    visit.sees("#complete-status", "Hide a part of the drawing first")
    page.click("#ask")
    visit.sees("#surprise-figures", FIGURES)
    page.click("#query-pad >> text=Hide")
    for y in (0.8, 0.9, 0.98):
        visit.stroke("#query-pad", (0.01, y), (0.99, y))
    page.click("#complete")
    visit.sees("#complete-status", "16 completed, likeliest first")
    assert len(completed(page)) == 16
    kept = """() => {
        const image = (tile) => tile.querySelector("canvas.ink").getContext("2d");
        const upper = (tile) => image(tile).getImageData(0, 0, 26, 15).data.join();
        const drawn = upper(document.querySelector("#query-pad .tile"));
        const tiles = [...document.querySelectorAll("#completions .tile")];
        return tiles.every((tile) => upper(tile) === drawn);
    }"""
    assert page.evaluate(kept)
    page.click("#ask")
    page.click("#query-pad >> text=Hide")
    visit.stroke("#query-pad", (0.3, 0.75), (0.7, 0.75))
    page.click("#complete")
    visit.sees("#complete-status", re.compile("4 completed, likeliest first.*drafts counted"))
    assert len(completed(page)) == 4 and page.evaluate(kept)


def completed(page) -> list[float]:
    """Bits of the completions, which stand in this order."""
    texts = page.locator("#completions small").all_inner_texts()
    bits = [float(text.split()[0]) for text in texts]
    assert bits == sorted(bits)
    return bits


def test_which_kind_follows_the_sets(visit: Visit) -> None:
    page = visit.page
    page.click("#kind-b")
    visit.sees("#status", "16 drawn in")
    page.click("#empty")
    visit.sees("#which", "Draw examples of kind A and of kind B")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.sees("#which", re.compile(r"Kind A.*%.*Kind B.*%", re.S))


@pytest.fixture
def roomy(visit: Visit) -> Visit:
    """With a model of eight examples: four slots are free."""
    visit.page.select_option("#model", "omniglot")
    visit.sees("#status", "16 drawn in")
    return visit


def filled(visit: Visit) -> int:
    return visit.page.locator("#slots button:not(.blank)").count()


def test_a_drawing_takes_the_place_of_the_example(roomy: Visit) -> None:
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    assert filled(roomy) == 1 and roomy.page.input_value("#example") == ""
    roomy.page.click("#support-pad >> text=Undo")
    assert filled(roomy) == 0
    roomy.page.click("#support-pad >> text=Undo")
    assert filled(roomy) == 4 and roomy.page.input_value("#example") == "heron"
    roomy.page.click("#slots button >> nth=1")  # a change to the example itself keeps the others
    roomy.stroke("#support-pad", (0.1, 0.1), (0.1, 0.3))
    assert filled(roomy) == 4 and roomy.page.input_value("#example") == ""


@pytest.mark.parametrize("lose", ["#empty", "#example"])
def test_drawings_that_were_replaced_come_back(roomy: Visit, lose: str) -> None:
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    drawn = roomy.ink("#slots .tile")
    if lose == "#empty":
        roomy.page.click(lose)
    else:
        roomy.page.select_option(lose, "sail")
    assert roomy.ink("#slots .tile") != drawn
    roomy.page.click("#support-pad >> text=Undo")
    assert filled(roomy) == 1 and roomy.ink("#slots .tile") == drawn


def test_drawings_outlast_a_reload_and_another_model(roomy: Visit) -> None:
    page = roomy.page
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    roomy.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    drawn, asked = roomy.ink("#slots .tile"), roomy.ink("#query-pad .tile")
    for model in ("omniglot", "omniglot-deep"):
        page.reload()
        page.select_option("#model", model)
        roomy.sees("#status", "16 drawn in")
        assert filled(roomy) == 1 and roomy.ink("#slots .tile") == drawn
        assert roomy.ink("#query-pad .tile") == asked
        assert roomy.ink("#support-pad .tile") == 0  # ready for the next
    page.click("#empty")
    page.reload()  # nothing of one's own: the example again
    roomy.sees("#status", "16 drawn in")
    assert filled(roomy) == 4


def test_a_page_without_storage_works(browser, address: str) -> None:
    visit = Visit(browser, address)
    visit.page.add_init_script("delete window.localStorage; delete Window.prototype.localStorage;")
    visit.page.reload()
    visit.sees("#status", "16 drawn in")
    visit.page.click("#empty")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.page.select_option("#model", "omniglot")
    visit.sees("#status", "16 drawn in")
    assert filled(visit) == 1 and not visit.errors
    visit.page.context.close()


STORED = "() => ['A', 'B'].map(k => JSON.parse(localStorage[`ilk ${k} 1 26 26 2`] ?? '[]').length)"


def three(roomy: Visit) -> None:
    """Draws three examples."""
    for x in (0.3, 0.5, 0.7):
        roomy.stroke("#support-pad", (x, 0.2), (x, 0.8))
        roomy.page.click("#support-pad >> text=Next")


def test_looking_at_drawings_does_not_erase_them(roomy: Visit) -> None:
    page = roomy.page
    three(roomy)
    assert filled(roomy) == 3 and page.evaluate(STORED) == [3, 0]
    page.select_option("#model", "omniglot-one-shot")
    roomy.sees("#status", "16 drawn in")
    roomy.stroke("#support-pad", (0.1, 0.1), (0.9, 0.1))  # nor does a change to the one shown
    assert page.evaluate(STORED) == [3, 0]
    page.select_option("#model", "omniglot")
    roomy.sees("#status", "16 drawn in")
    assert filled(roomy) == 3


def test_two_tabs_show_the_same_drawings(roomy: Visit) -> None:
    page, second = roomy.page, roomy.page.context.new_page()
    second.set_default_timeout(WAIT)
    second.goto(page.url)
    playwright.expect(second.locator("#status")).to_contain_text("drawn in", timeout=WAIT)
    three(roomy)
    slots = playwright.expect(second.locator("#slots button:not(.blank)"))
    slots.to_have_count(3, timeout=WAIT)
    second.click("#slots button >> nth=1")
    second.click("#kind-b")
    assert page.evaluate(STORED) == [3, 0]
    second.close()


def test_a_question_comes_back(visit: Visit) -> None:
    page = visit.page
    visit.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    drawn = visit.ink("#query-pad .tile")
    page.click("#ask")
    assert visit.ink("#query-pad .tile") != drawn
    assert page.evaluate("document.querySelector('#query-pad').contains(document.activeElement)")
    page.click("#query-pad >> text=Undo")
    assert visit.ink("#query-pad .tile") == drawn
    page.click("#query-pad >> text=Hide")
    for y in (0.8, 0.9, 0.98):
        visit.stroke("#query-pad", (0.01, y), (0.99, y))
    visit.sees("#surprise-figures", "with the hidden part")
    page.click("#complete")
    visit.sees("#complete-status", "16 completed")
    for i in range(2):  # one after the other can be looked at
        page.click(f"#completions button >> nth={i}")
        assert visit.same("#query-pad .tile", f"#completions .tile >> nth={i}")
        assert page.locator("#completions.stale").count() == 0
    page.click("#complete")
    visit.sees("#complete-status", "16 completed")
    page.click("#query-pad >> text=Pen")
    visit.stroke("#query-pad", (0.1, 0.3), (0.9, 0.3))
    visit.sees("#complete-status", "have changed")


def test_a_pen_shows_what_it_draws_over_what_is_hidden(visit: Visit) -> None:
    page = visit.page
    page.click("#query-pad >> text=Clear")
    page.click("#query-pad >> text=Hide")
    visit.stroke("#query-pad", (0.1, 0.5), (0.9, 0.5))
    page.click("#query-pad >> text=Pen")
    visit.stroke("#query-pad", (0.3, 0.5), (0.7, 0.5))
    assert visit.ink("#query-pad .tile") > 10


def test_pictures_go_where_they_are_dropped(roomy: Visit) -> None:
    page = roomy.page
    asked = roomy.ink("#query-pad .tile")
    assert page.evaluate(HAND, ["drop", "#query", picture(70)])
    playwright.expect(page.locator("#query-status")).to_have_text("", timeout=WAIT)
    assert filled(roomy) == 4 and roomy.ink("#query-pad .tile") != asked
    page.click("#query-pad >> text=Undo")
    assert roomy.ink("#query-pad .tile") == asked
    for kind in ("dragover", "drop"):  # the browser does not leave the page for it
        assert page.evaluate(HAND, [kind, "footer", picture(70)])
    playwright.expect(page.locator("#slots button:not(.blank)")).to_have_count(1, timeout=WAIT)
    # One that was given to A goes there, though B is shown when it is read.
    held: list = []
    page.route("**/api/read*", lambda route: held.append(route))
    page.evaluate(HAND, ["drop", "#support", picture(30)])
    roomy.sees("#support-status", "reading a.png")
    page.click("#kind-b")
    held[0].continue_()
    playwright.expect(page.locator("#support-status")).to_have_text("", timeout=WAIT)
    assert page.evaluate(STORED) == [2, 0]
    page.unroute("**/api/read*")


def test_old_answers_do_not_stay(visit: Visit) -> None:
    page = visit.page
    visit.sees("#which", "Neither: another kind")
    page.select_option("#model", "large")
    visit.sees("#surprise-figures", "Draw something")
    assert page.inner_text("#which") == "" and page.is_hidden("#inspector")
    page.click("#theme")
    page.select_option("#model", "tiny")
    visit.sees("#chosen-figures", FIGURES)
    page.click("#play")
    page.select_option("#model", "omniglot")
    visit.sees("#status", "16 drawn in")
    visit.sees("#chosen-figures", FIGURES)
    visit.sees("#play", "Play")
    visit.sees("#at", "676 of 676")
    page.route("**/api/classify", lambda route: route.abort())
    visit.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    visit.sees("#surprise-figures", "The studio doesn't answer")
    assert page.inner_text("#which") == ""
    page.unroute("**/api/classify")
    page.click("#draw")  # it is well again
    visit.sees("#which", "Neither: another kind")


def test_samples_tell_what_they_were_drawn_for(roomy: Visit) -> None:
    page = roomy.page
    roomy.sees("#status", "given kind A")
    page.locator("#temperature").fill("0.5")
    roomy.sees("#status", "have changed: draw again")
    page.locator("#temperature").fill("1")
    roomy.sees("#status", "given kind A")
    page.click("#kind-b")
    roomy.sees("#status", "given kind B")
    page.click("#empty")
    assert page.locator("#grid.stale").count() == 1
    page.click("#kind-a")
    roomy.sees("#status", "given kind A")
    page.click("#kind-b")
    roomy.sees("#status", "Kind B is empty")
    page.click("#draw")
    roomy.sees("#status", "given no examples")


def test_drawing_is_stopped(roomy: Visit) -> None:
    page = roomy.page
    page.route("**/api/sample", lambda route: None)  # a studio that never answers
    page.click("#draw")
    assert page.inner_text("#draw") == "Stop"
    page.click("#draw")
    roomy.sees("#status", "stopped")
    assert page.inner_text("#draw") == "Draw 16"
    page.unroute("**/api/sample")


def test_failures_are_told_in_plain_words(visit: Visit) -> None:
    page = visit.page
    words = "Is `ilk studio` still running?"
    page.route("**/api/*", lambda route: route.abort())
    page.click("#draw")
    visit.sees("#status", words)
    page.click("#save-set")
    visit.sees("#support-status", words)
    page.unroute("**/api/*")
    cut = 'data: {"event": "start", "steps": 676}\n\n'
    page.route("**/api/sample", lambda route: route.fulfill(body=cut))
    page.click("#draw")
    visit.sees("#status", "The drawing broke off")
    page.unroute("**/api/sample")
    page.click("#draw")
    visit.sees("#status", "16 drawn in")
    page.route("**/api/pack", lambda route: route.abort())
    page.click("#save-sheet")
    visit.sees("#status", words)
    page.unroute("**/api/pack")
    page.route("**/api/models", lambda route: route.abort())
    page.reload()
    visit.sees("#trouble", words)
    page.unroute("**/api/models")
    page.click("#again")
    visit.sees("#status", "16 drawn in")
    assert page.is_hidden("#trouble")


def test_a_silent_studio_is_given_up(visit: Visit) -> None:
    visit.page.clock.install()
    visit.page.route("**/api/sample", lambda route: None)
    visit.page.click("#draw")
    visit.page.clock.fast_forward(31_000)
    visit.sees("#status", "The studio has said nothing for 30 s")
    assert visit.page.inner_text("#draw") == "Draw 16"


def test_the_theme_and_the_model_outlast_a_reload(visit: Visit) -> None:
    page = visit.page
    page.click("#theme")
    page.select_option("#model", "omniglot")
    page.reload()
    visit.sees("#status", "16 drawn in")
    assert page.input_value("#model") == "omniglot" and page.inner_text("#theme") == "Light"


def test_one_finger_draws(visit: Visit) -> None:
    visit.page.click("#support-pad >> text=Clear")
    visit.page.evaluate("""() => {
        const sheet = document.querySelector("#support-pad .tile");
        const box = sheet.getBoundingClientRect();
        sheet.setPointerCapture = () => {};
        const send = (name, pointerId, x, y) => {
            const place = { clientX: box.x + x * box.width, clientY: box.y + y * box.height };
            sheet.dispatchEvent(new PointerEvent(name, { pointerId, bubbles: true, ...place }));
        };
        send("pointerdown", 1, 0.1, 0.1);
        send("pointerdown", 2, 0.9, 0.9);
        send("pointermove", 2, 0.1, 0.9);
        send("pointerup", 2, 0.1, 0.9);
        send("pointermove", 1, 0.2, 0.1);
        send("pointerup", 1, 0.2, 0.1);
    }""")
    assert 2 < visit.ink("#support-pad .tile") < 15


def test_downloads(visit: Visit, tmp_path: Path) -> None:
    with visit.page.expect_download() as sheet:
        visit.page.click("#save-sheet")
    sheet.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as opened:
        assert opened.width > 200
    with visit.page.expect_download() as examples:
        visit.page.click("#save-set")
    examples.value.save_as(tmp_path / "set.zip")
    assert examples.value.suggested_filename == "kind-a.zip"
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert len(archive.namelist()) == 4


def test_models_are_chosen(visit: Visit) -> None:
    with visit.page.expect_request("**/api/sample") as asked:
        visit.page.select_option("#model", "omniglot")
    assert asked.value.post_data_json["model"] == "omniglot"
    visit.sees("#status", "16 drawn in")


def test_of_large_images_fewer_are_drawn(visit: Visit) -> None:
    visit.page.select_option("#model", "large")
    visit.sees("#draw", "Draw 4")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.page.click("#draw")
    visit.sees("#status", "4 drawn in")
    assert visit.page.locator("#grid .tile").count() == 4
    visit.page.select_option("#model", "tiny")
    visit.sees("#draw", "Draw 16")


def serious(page) -> list[str]:
    """What axe finds, from serious on, with the places."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {[node['target'] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_text_can_be_read(browser, address: str, width: int, scheme: str) -> None:
    """Contrast of at least 4.5 (WCAG AA), names for controls, nothing wider than the page, and
    nothing serious that axe finds, also in what is opened and on the page of the API."""
    visit = Visit(browser, address, width=width, color_scheme=scheme)
    visit.sees("#which", "Kind B")
    visit.page.click("summary")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    poor = visit.page.evaluate("""() => {
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
        const ground = (e) => {
            for (; e; e = e.parentElement) {
                const c = rgb(getComputedStyle(e).backgroundColor);
                if (c.length === 3 || c[3] === 1) return c;
            }
            return [255, 255, 255];
        };
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const poor = [];
        for (let node; (node = walk.nextNode()); ) {
            const e = node.parentElement;
            if (!node.data.trim() || !e.checkVisibility()) continue;
            const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) poor.push(`${node.data.trim()}: ${contrast.toFixed(2)}`);
        }
        return poor;
    }""")
    assert poor == []
    nameless = visit.page.evaluate("""() =>
        [...document.querySelectorAll("button, input:not([hidden]), select, a, [tabindex]")]
            .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
            .map((e) => e.outerHTML)""")
    assert nameless == []
    assert serious(visit.page) == []
    assert not visit.errors
    visit.page.context.close()


def test_the_reference(browser, address: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto(f"{address}api")
    playwright.expect(page.locator("#reference")).to_contain_text("POST /api/sample", timeout=WAIT)
    assert page.locator("#reference section").count() >= 11
    assert serious(page) == []
    page.close()
