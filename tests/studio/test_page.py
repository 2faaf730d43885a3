"""The page in a browser, by doing what a person does."""

from __future__ import annotations

import base64
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from studio.toys import picture

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")

from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api as playwright
from studio.browser import FIGURES, HAND, WAIT, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_first_visit_shows_an_example(visit: Visit) -> None:
    assert visit.page.locator("#slots button:not(.blank)").count() == 4
    assert visit.ink("#query-pad .tile") > 20
    for caption in visit.page.locator("#grid small").all_inner_texts():
        assert re.match(r"\d+ bits", caption)
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
    before = visit.tiles()
    with page.expect_request(lambda asked: asks(asked, 2)):
        visit.stroke("#support-pad", (0.6, 0.2), (0.6, 0.8))
    visit.sees("#status", "16 drawn in")
    assert visit.tiles() != before


def asks(request: playwright.Request, examples: int) -> bool:
    """Whether samples are asked for, given so many examples."""
    return "sample" in request.url and len(request.post_data_json["support"]) == examples


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
    page = visit.page
    page.click(".more summary")
    page.locator("#temperature").fill("0")
    visit.sees("#status", "at temperature 0.00")
    assert len(set(visit.tiles())) == 1


def test_samples_are_guided_and_say_so(visit: Visit) -> None:
    page = visit.page
    visit.sees("#status", "guided by 0.50")
    page.locator("#guidance").fill("0")
    page.click(".more summary")
    page.select_option("#of", "32")
    visit.sees("#status", "the best of 32")
    assert "guided" not in page.inner_text("#status")


def test_scrub_back_and_branch(visit: Visit) -> None:
    page = visit.page
    page.click("#grid .cell >> nth=3")
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
    playwright.expect(page.locator("#which")).not_to_contain_text("Kind B", timeout=WAIT)
    visit.sees("#which", re.compile(r"Kind A.*%.*Not this: another kind.*%", re.S))
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.sees("#which", re.compile(r"Kind A.*%.*Kind B.*%", re.S))


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
    for summary in visit.page.locator("summary").all():
        summary.click()
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
