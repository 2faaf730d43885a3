"""What a person takes home from the page: pictures, a project; and how samples are asked for."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")

from playwright import sync_api as playwright
from studio.browser import WAIT, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def got(visit: Visit, button: str) -> bytes:
    """What a button gives to keep."""
    with visit.page.expect_download() as download:
        visit.page.click(button)
    return Path(download.value.path()).read_bytes()


def ask_for(visit: Visit, **settings: str) -> None:
    """Puts values into the fields of more ways to draw."""
    if not visit.page.is_visible("#seed"):
        visit.page.click(".more summary")
    for name, value in settings.items():
        visit.page.fill(f"#{name}", value)
        visit.page.locator(f"#{name}").blur()


def bits(visit: Visit) -> list[int]:
    captions = visit.page.locator("#grid small").all_inner_texts()
    return [int(caption.split()[0]) for caption in captions]


def test_a_seed_draws_the_same_again(visit: Visit) -> None:
    page = visit.page
    ask_for(visit, seed="7", count="5")
    visit.sees("#status", "5 drawn in")
    visit.sees("#status", "seed 7")
    first = visit.tiles()
    assert len(set(first)) > 1
    page.click("#draw")
    visit.sees("#status", "drawing")
    visit.sees("#status", "5 drawn in")
    assert visit.tiles() == first
    ask_for(visit, seed="")
    playwright.expect(page.locator("#status")).not_to_contain_text("seed 7", timeout=WAIT)
    visit.sees("#status", "5 drawn in")
    by_chance = visit.tiles()
    page.click("#again-seed")
    visit.sees("#status", f"seed {page.input_value('#seed')}")
    assert visit.tiles() == by_chance != first


def test_a_seed_that_is_none_is_named(visit: Visit) -> None:
    for name, wrong in (("seed", "-3"), ("seed", "1.5"), ("count", "0"), ("count", "65")):
        ask_for(visit, seed="", count="4")
        ask_for(visit, **{name: wrong})
        visit.sees("#status", "a whole number")
    ask_for(visit, seed="", count="4")
    visit.sees("#status", "4 drawn in")


def test_samples_in_order_of_likelihood(visit: Visit) -> None:
    page = visit.page
    drawn, tiles = bits(visit), visit.tiles()
    page.click("#grid .cell >> nth=5")
    assert not page.is_visible("#order")
    page.click(".more summary")
    page.select_option("#order", "likely")
    assert bits(visit) == sorted(drawn)
    # The one under the glass is still the one that is marked.
    assert visit.same("#chosen .tile", "#grid button[aria-pressed=true] .tile")
    page.select_option("#order", "drawn")
    assert bits(visit) == drawn and visit.tiles() == tiles


def test_one_figure_and_a_word_below_each(visit: Visit) -> None:
    words = []
    for caption in visit.page.locator("#grid small").all_inner_texts():
        found = re.fullmatch(
            r"(\d+) bits\n(likely|usual|unlikely|unlike the examples|blank)", caption
        )
        assert found, caption
        words.append((int(found[1]), found[2]))
    likely = [b for b, word in words if word == "likely"]
    unlikely = [b for b, word in words if word == "unlikely"]
    assert max(likely, default=0) < min(unlikely, default=10**9)
    assert not visit.page.is_visible("#figures dl")
    visit.page.click("#samples .hint a")
    assert visit.page.is_visible("#figures dl")
    visit.sees("#figures dl", "usual")


def test_one_drawing_is_kept_as_outlines_or_pixels(visit: Visit) -> None:
    page = visit.page
    page.click("#grid .cell >> nth=2")
    assert b'viewBox="0 0 26 26"' in got(visit, "#save-one")
    page.select_option("#save-form", "png")
    page.fill("#save-size", "777")
    assert Image.open(io.BytesIO(got(visit, "#save-one"))).size == (777, 777)
    page.fill("#save-size", "9000")
    page.click("#save-one")
    visit.sees("#save-why", "a whole number from 1 to 4000")
    sheet = Image.open(io.BytesIO(got(visit, "#save-sheet")))
    assert min(sheet.size) > 4 * 280


def test_a_page_on_paper_has_drawings_and_no_buttons(visit: Visit) -> None:
    page = visit.page
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("#draw", "#support-pad", "#inspector", ".tabs", "footer"):
        assert page.is_hidden(hidden), hidden
    for shown in ("#grid .tile >> nth=15", "#slots .tile", "#surprise .tile", "#status"):
        assert page.is_visible(shown), shown
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
