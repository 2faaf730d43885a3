"""A person's drawings on the page: each can be taken back by itself, and none is ever lost."""

from __future__ import annotations

import pytest
from studio.toys import picture

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")

from playwright import sync_api as playwright
from studio.browser import HAND, WAIT, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

UNDO, REDO = "#support-pad >> text=Undo", "#support-pad >> text=Redo"
INK = "tiles => tiles.map((tile) => tile.querySelector('canvas.ink').toDataURL())"


def drawn(visit: Visit) -> list[str]:
    """The pictures in the slots."""
    return visit.page.locator("#slots .tile").evaluate_all(INK)


def idle(visit: Visit, button: str) -> bool:
    return visit.page.get_attribute(button, "aria-disabled") == "true"


def test_undo_on_a_fresh_pad_loses_nothing(roomy: Visit) -> None:
    roomy.draw(4)
    before = drawn(roomy)
    assert roomy.filled == 4 and idle(roomy, UNDO)
    roomy.page.locator("#support-pad .tile").press("Control+z")
    assert drawn(roomy) == before and roomy.stored == [4, 0]


def test_each_drawing_has_its_history(roomy: Visit) -> None:
    page = roomy.page
    roomy.draw(3)
    page.click("#slots button >> nth=1")
    roomy.stroke("#support-pad", (0.1, 0.5), (0.9, 0.5))
    three = drawn(roomy)
    page.click("#kind-b")  # moving between drawings and kinds keeps them
    page.click("#kind-a")
    page.click("#slots button >> nth=0")
    page.click(UNDO)
    first = drawn(roomy)
    assert first != three and first[1:] == three[1:] and idle(roomy, UNDO)
    page.click("#slots button >> nth=1")
    page.click(UNDO)
    second = drawn(roomy)
    assert second[1] != first[1] and second[::2] == first[::2]
    page.click(REDO)
    assert drawn(roomy) == first and idle(roomy, REDO)
    page.select_option("#model", "single")  # so does another model of their size
    roomy.sees("#status", "16 drawn in")
    page.select_option("#model", "eight")
    roomy.sees("#status", "16 drawn in")
    page.click("#slots button >> nth=0")
    page.locator("#support-pad .tile").press("Control+z")
    assert drawn(roomy)[0] == second[1]
    page.locator("#support-pad .tile").press("Control+Shift+Z")
    assert drawn(roomy)[0] == first[1]


def test_what_changed_together_comes_back_together(roomy: Visit) -> None:
    page = roomy.page
    roomy.draw(3)
    three = drawn(roomy)
    page.click("#empty")
    assert roomy.filled == 0 and roomy.stored == [0, 0]
    page.click("#slots button >> nth=1")
    roomy.stroke("#support-pad", (0.1, 0.5), (0.9, 0.5))
    stroke = drawn(roomy)[1]
    page.click("#slots button >> nth=0")
    page.click(UNDO)  # but not over what has been drawn since
    assert drawn(roomy) == [three[0], stroke, *three[2:]]
    page.click("#slots button >> nth=1")
    page.click(UNDO)
    page.click(UNDO)
    assert drawn(roomy) == three
    page.click(REDO)
    assert drawn(roomy)[1] != three[1]


def test_an_example_is_shown_beside_ones_own(roomy: Visit) -> None:
    page = roomy.page
    roomy.draw(2)
    own = drawn(roomy)
    page.select_option("#example", "sail")
    roomy.sees("#support-status", "Your own 2 drawings are kept")
    roomy.sees("#status", "drawn in")
    assert roomy.filled == 4 and roomy.stored == [2, 0]
    page.select_option("#example", "")
    assert drawn(roomy) == own
    page.select_option("#example", "sail")
    page.click("#empty")
    assert drawn(roomy) == own
    page.select_option("#example", "sail")
    page.click("#slots button >> nth=2")
    roomy.stroke("#support-pad", (0.1, 0.5), (0.9, 0.5))  # joins one's own
    assert drawn(roomy)[:2] == own[:2] and roomy.filled == 3 and roomy.stored == [3, 0]
    roomy.draw(6)  # the first over what has just joined
    assert roomy.stored == [8, 0]
    page.select_option("#example", "sail")
    page.click("#slots button >> nth=2")
    roomy.stroke("#support-pad", (0.1, 0.1), (0.9, 0.1))
    roomy.sees("#support-status", "There is room for 8")
    assert roomy.stored == [8, 0]
    page.evaluate(HAND, ["drop", "#support", picture(70)])
    roomy.sees("#support-status", "There is room for 8")
    page.select_option("#example", "")
    assert roomy.filled == 8


def test_pictures_are_taken_back(roomy: Visit) -> None:
    page = roomy.page
    roomy.draw(2)
    page.evaluate(HAND, ["drop", "#support", picture(70)])
    playwright.expect(page.locator("#slots button:not(.blank)")).to_have_count(3, timeout=WAIT)
    page.click(UNDO)
    assert roomy.filled == 2
    page.click(REDO)
    assert roomy.filled == 3


def test_a_question_has_its_history(visit: Visit) -> None:
    page = visit.page
    example = visit.ink("#query-pad .tile")
    visit.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    drawn = visit.ink("#query-pad .tile")
    page.click("#query-pad >> text=Clear")
    page.select_option("#model", "eight")
    visit.sees("#status", "16 drawn in")
    assert visit.ink("#query-pad .tile") == 0
    page.click("#query-pad >> text=Undo")
    assert visit.ink("#query-pad .tile") == drawn
    page.click("#query-pad >> text=Undo")
    assert visit.ink("#query-pad .tile") == example and idle(visit, "#query-pad >> text=Undo")
    page.click("#query-pad >> text=Redo")
    assert visit.ink("#query-pad .tile") == drawn


def test_tabs_hear_of_all_changes(roomy: Visit) -> None:
    page, second = roomy.page, roomy.page.context.new_page()
    second.set_default_timeout(WAIT)
    second.goto(page.url)
    playwright.expect(second.locator("#status")).to_contain_text("drawn in", timeout=WAIT)
    roomy.draw(3)
    three = drawn(roomy)
    slots = playwright.expect(second.locator("#slots button:not(.blank)"))
    slots.to_have_count(3, timeout=WAIT)
    page.click("#empty")
    slots.to_have_count(0, timeout=WAIT)
    second.bring_to_front()
    second.click("#slots button")
    second.click(UNDO)  # and can take them back, for all
    slots.to_have_count(3, timeout=WAIT)
    playwright.expect(page.locator("#slots button:not(.blank)")).to_have_count(3, timeout=WAIT)
    assert drawn(roomy) == three and roomy.stored == [3, 0]
    page.bring_to_front()
    roomy.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    asked = page.locator("#query-pad .tile").evaluate_all(INK)
    second.wait_for_function(
        "wanted => document.querySelector('#query-pad canvas.ink').toDataURL() === wanted",
        arg=asked[0],
    )
    second.close()


def test_a_browser_that_is_full_says_so(roomy: Visit) -> None:
    roomy.page.evaluate("""() => {
        Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); };
    }""")
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    roomy.sees("#support-status", "This browser keeps nothing")
