"""What a person takes home from the page: pictures, a project; and how samples are asked for."""

from __future__ import annotations

import base64
import io
import json
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


def name_kind(visit: Visit, name: str) -> None:
    visit.page.fill("#kind-name", name)
    visit.page.locator("#kind-name").blur()


def test_more_than_two_kinds_with_names(visit: Visit) -> None:
    page = visit.page
    name_kind(visit, "<b>herons</b>")
    page.click("#add-kind")
    visit.sees("#status", "Kind C is empty")
    name_kind(visit, "bars")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.sees("#which", re.compile(r"<b>herons</b>.*%.*Kind B.*%.*bars.*%.*None of these", re.S))
    visit.sees("#status", "given bars")
    with page.expect_download() as examples:
        page.click("#save-set")
    assert examples.value.suggested_filename == "bars.zip"
    page.reload()
    visit.sees("#status", "16 drawn in")
    assert page.locator("#kinds button").all_inner_texts() == [
        "<b>herons</b>",
        "Kind B",
        "bars",
        "+",
    ]
    page.click("#kind-c")
    assert visit.filled == 1
    page.click("#remove-kind")
    visit.sees("#support-status", "Empty it first")
    page.click("#empty")
    page.click("#remove-kind")
    assert page.locator("#kind-c").count() == 0 and not page.is_visible("#remove-kind")
    page.click("#add-kind")  # what was emptied can still be taken back
    page.click("#support-pad >> text=Undo")
    assert visit.filled == 1
    for _ in range(4):
        page.click("#add-kind")
    assert page.locator("#add-kind").count() == 0  # eight are compared: seven and none of them


def test_another_tab_sees_new_kinds(visit: Visit, address: str) -> None:
    page = visit.page
    page.click("#add-kind")
    name_kind(visit, "bars")
    second = page.context.new_page()
    second.goto(address)
    playwright.expect(second.locator("#kind-c")).to_have_text("bars", timeout=WAIT)
    second.click("#kind-b")
    second.fill("#kind-name", "kettles")
    second.locator("#kind-name").blur()
    visit.sees("#kind-b", "kettles")
    second.close()


def test_a_project_comes_back_elsewhere(visit: Visit, browser, address: str) -> None:
    """Examples, names, question, settings: and the same samples, of another browser."""
    page = visit.page
    name_kind(visit, "herons")
    page.click("#add-kind")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    page.click("#query-pad >> text=Hide")
    visit.stroke("#query-pad", (0.1, 0.9), (0.9, 0.9))
    page.locator("#guidance").fill("1")
    ask_for(visit, count="6")
    page.select_option("#order", "likely")
    page.click("#kind-a")
    visit.sees("#status", "6 drawn in")
    drawn, asked = visit.tiles(), visit.ink("#query-pad .tile")
    saved = got(visit, "#save-project")
    visit.sees("#project-status", "Saved: 3 kinds")

    other = Visit(browser, address)
    other.page.click("#empty")
    other.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    project = {"name": "a.json", "mimeType": "application/json", "buffer": saved}
    other.page.set_input_files("#project", project)
    other.sees("#project-status", "a.json is open")
    other.sees("#status", "6 drawn in")
    assert other.tiles() == drawn
    assert other.page.locator("#kinds button").all_inner_texts() == [
        "herons",
        "Kind B",
        "Kind C",
        "+",
    ]
    assert other.ink("#query-pad .tile") == asked
    other.page.click("#complete")
    other.sees("#complete-status", "completed")  # what was hidden is hidden
    assert got(other, "#save-project") == saved
    other.page.click("#kind-a")
    other.page.click("#slots button >> nth=0")
    other.page.click("#support-pad >> text=Undo")  # what was there comes back
    assert other.filled == 1
    assert not other.errors
    other.page.context.close()


# As version 1 was first written: every later studio opens it.
FIRST = {
    "what": "ilk studio project",
    "version": 1,
    "model": {"name": "tiny", "shape": [1, 26, 26], "levels": 2},
    "kinds": [
        {"name": "bars", "examples": [base64.b64encode(bytes([0, 1] * 338)).decode()]},
        {"name": "", "examples": []},
    ],
    "question": {
        "pixels": base64.b64encode(bytes([0, 0, 1, 1] * 169)).decode(),
        "known": base64.b64encode(bytes([1] * 676)).decode(),
    },
    "settings": {
        "guidance": 0.5,
        "temperature": 1,
        "count": 3,
        "of": 0,
        "seed": 5,
        "order": "drawn",
    },
}


def opened(visit: Visit, content: bytes, name: str = "a.json") -> None:
    project = {"name": name, "mimeType": "application/json", "buffer": content}
    visit.page.evaluate("() => document.querySelector('#project-status').replaceChildren()")
    visit.page.set_input_files("#project", project)


def test_old_projects_open(visit: Visit) -> None:
    page = visit.page
    for settings in (
        FIRST["settings"],
        {"seed": 5, "count": 3, "colour": "red", "of": "many"},
        None,
    ):
        opened(visit, json.dumps({**FIRST, "settings": settings, "later": True}).encode())
        visit.sees("#project-status", "a.json is open")
        visit.sees("#status", "3 drawn in")
        assert page.input_value("#seed") == "5" and page.input_value("#of") == "0"
        assert page.inner_text("#kind-a") == "bars" and visit.filled == 1
        assert visit.ink("#slots .tile") == visit.ink("#query-pad .tile") == 338
    opened(visit, json.dumps({**FIRST, "model": {**FIRST["model"], "name": "gone"}}).encode())
    visit.sees("#project-status", "with tiny in place of its own model")


def changed(**fields) -> bytes:
    return json.dumps({**FIRST, **fields}).encode()


REFUSED = [
    (b"", "is no project"),
    (b"\x89PNG\r\n\x1a\n\xff\xfe", "is no project"),
    (b'{"what": "something else"}', "is no project"),
    (b"[]", "is no project"),
    (b"null", "is no project"),
    (json.dumps(FIRST).encode()[:-40], "damaged or cut short"),
    (b" " * ((8 << 20) + 1), "too large"),
    (changed(version=2), "A newer ilk studio saved this project"),
    (changed(version="1"), "doesn't say its version"),
    (changed(model=None), "names no model"),
    (changed(model={"name": "x", "shape": [1, 9, 9], "levels": 2}), "for the model x, which"),
    (changed(kinds=[]), "has no kinds"),
    (changed(kinds=[{"name": "", "examples": []}] * 8), "has 8 kinds, and 7 are the most"),
    (changed(kinds=[{"name": 3}]), "kind 1 can't be read"),
    (
        changed(kinds=[{"name": "", "examples": ["AAAA"]}]),
        "example 1 of kind 1 is of another size",
    ),
    (changed(kinds=[{"name": "", "examples": ["?"]}]), "example 1 of kind 1 can't be read"),
    (changed(question={"pixels": "AgIC" * 225 + "Ag=="}), "the question has values"),
]


def test_what_is_no_project_is_refused_in_words(visit: Visit) -> None:
    page = visit.page
    page.click("#empty")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    kept = "() => Object.entries(localStorage).sort().join()"
    before = page.evaluate(kept)
    for content, words in REFUSED:
        opened(visit, content)
        visit.sees("#project-status", words)
        assert not re.search(r"[`{}]|bytes|undefined|Error", page.inner_text("#project-status"))
        assert page.evaluate(kept) == before and visit.filled == 1


def test_a_project_is_opened_where_it_is_dropped(visit: Visit) -> None:
    visit.page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "b.json", { type: "application/json" }));
            const options = { bubbles: true, cancelable: true, dataTransfer: data };
            document.querySelector("#samples").dispatchEvent(new DragEvent("drop", options));
        }""",
        json.dumps(FIRST),
    )
    visit.sees("#project-status", "b.json is open")
    visit.sees("#status", "3 drawn in")
