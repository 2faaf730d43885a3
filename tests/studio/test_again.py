"""The page by itself and in few steps: what is drawn again, added, hidden, reached by keyboard."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")

from playwright import sync_api as playwright
from studio.browser import FIGURES, WAIT, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_stroke_draws_again(roomy: Visit) -> None:
    page = roomy.page
    with page.expect_request("**/api/sample") as asked:
        roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    assert len(asked.value.post_data_json["support"]) == 1
    roomy.sees("#status", "16 drawn in")
    assert page.locator(".stale").count() == 0
    page.click("#empty")  # nothing to draw for: what is there dims
    assert page.locator("#grid.stale").count() == 1
    roomy.sees("#status", "have changed: draw again")


def test_what_became_stale_is_cancelled(roomy: Visit) -> None:
    page = roomy.page
    held: list = []
    page.route("**/api/sample", lambda route: held.append(route))
    failed: list = []
    page.on("requestfailed", lambda request: failed.append(request.post_data_json))
    with page.expect_request("**/api/sample"):
        roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    with page.expect_request("**/api/sample"):
        roomy.stroke("#support-pad", (0.7, 0.2), (0.7, 0.8))
    page.wait_for_timeout(100)
    assert len(held) == 2 and held[0].request.post_data_json in failed
    held[1].continue_()
    roomy.sees("#status", "16 drawn in")
    page.unroute("**/api/sample")


def test_draw_is_draw_though_it_has_begun_by_itself(roomy: Visit) -> None:
    page = roomy.page
    held: list = []
    page.route("**/api/sample", lambda route: held.append(route))
    page.evaluate("""() => {
        const draw = document.getElementById("draw");
        new MutationObserver((_, me) => {
            me.disconnect();
            draw.click();
        }).observe(draw, { childList: true });
    }""")
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    page.wait_for_timeout(1000)
    assert len(held) == 2 and page.inner_text("#draw") == "Stop"
    page.click("#draw")
    roomy.sees("#status", "stopped")
    page.unroute("**/api/sample")


def test_all_that_is_stale_dims_at_once(roomy: Visit) -> None:
    roomy.sees("#which", "Kind B")
    roomy.page.evaluate("""() => {
        const dim = (id) => getComputedStyle(document.getElementById(id)).opacity < 1;
        document.querySelector("#support-pad .tile").addEventListener("pointerup", () => {
            const parts = ["grid", "inspector", "surprise", "surprise-figures", "which"];
            setTimeout(() => (window.dimmed = parts.map(dim)));
        });
    }""")
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    roomy.page.wait_for_function("() => window.dimmed")
    assert roomy.page.evaluate("window.dimmed") == [True] * 5
    roomy.sees("#status", "16 drawn in")
    playwright.expect(roomy.page.locator(".stale")).to_have_count(0, timeout=WAIT)


def test_samples_become_examples(roomy: Visit) -> None:
    page = roomy.page
    for i in (2, 5):
        page.click(f"#grid .cell >> nth={i} >> .add")
        roomy.sees("#status", "Added to kind A")
    assert roomy.filled == 6 and roomy.stored == [6, 0]  # the example's four too
    for slot, i in ((4, 2), (5, 5)):
        assert roomy.same(f"#slots .tile >> nth={slot}", f"#grid .tile >> nth={i}")
    page.click("#grid .cell >> nth=2 >> .add")
    roomy.sees("#status", "among the examples already")
    page.click("#give")  # the one under the glass
    assert roomy.filled == 7 and page.is_disabled("#give")
    page.click("#support-pad >> text=Undo")
    assert roomy.filled == 6
    roomy.sees("#status", "16 drawn in")
    for i in (7, 8):
        page.click(f"#grid .cell >> nth={i} >> .add")
    assert roomy.filled == 8
    page.click("#grid .cell >> nth=9 >> .add")
    roomy.sees("#status", "There is room for 8 examples")


def test_halves_are_hidden_and_completed(roomy: Visit) -> None:
    page = roomy.page
    whole = roomy.ink("#query-pad .tile")
    page.click("#hide-right")
    assert 0 < roomy.ink("#query-pad .tile") < whole
    page.click("#hide-none")  # it was not erased
    assert roomy.ink("#query-pad .tile") == whole
    page.click("#hide-bottom")
    page.click("#query-pad >> text=Undo")
    assert roomy.ink("#query-pad .tile") == whole
    page.click("#query-pad >> text=Redo")
    page.click("#complete")
    roomy.sees("#complete-status", "16 completed")
    page.click("#completions .cell >> nth=0 >> .add")
    assert roomy.same("#slots .tile >> nth=4", "#completions .tile >> nth=0")


def test_sixteen_samples_are_one_stop_of_the_keyboard(roomy: Visit) -> None:
    page = roomy.page
    here = (
        "() => [...document.querySelectorAll('#grid .cell')]"
        ".findIndex((cell) => cell.contains(document.activeElement))"
    )
    page.focus(".more summary")
    page.keyboard.press("Tab")
    assert page.evaluate(here) == 0
    for key, there in (
        ("ArrowRight", 1),
        ("ArrowDown", 9),
        ("ArrowLeft", 8),
        ("ArrowUp", 0),
        ("ArrowUp", 0),
        ("End", 15),
        ("ArrowRight", 15),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert page.evaluate(here) == there
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    assert roomy.filled == 5 and roomy.same("#slots .tile >> nth=4", "#grid .tile >> nth=1")
    page.keyboard.press("Tab")
    assert page.evaluate(here) == -1
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(here) == 1
    page.keyboard.press("Enter")
    assert page.get_attribute("#grid .cell:nth-child(2) > button", "aria-pressed") == "true"


def test_a_tap_opens_a_sheet(browser, address: str) -> None:
    visit = Visit(browser, address, width=390, has_touch=True, is_mobile=True)
    page = visit.page
    assert page.is_hidden("#inspector")
    page.tap("#grid .cell >> nth=2")
    visit.sees("#chosen-figures", FIGURES)
    box = page.locator("#inspector").bounding_box()
    assert box["width"] == 390 and box["y"] + box["height"] == 900
    assert page.evaluate("document.querySelector('#inspector').contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert page.is_hidden("#inspector")
    page.tap("#grid .cell >> nth=2")
    page.tap("#shut")
    assert page.is_hidden("#inspector")
    page.tap("#grid .cell >> nth=2")
    page.touchscreen.tap(195, 10)  # beside it
    assert page.is_hidden("#inspector")
    page.tap("#grid .cell >> nth=2")
    page.locator("#scrub").fill("200")
    page.tap("#branch")
    assert page.is_hidden("#inspector")
    visit.sees("#status", "16 branches drawn in")
    page.tap("#grid .cell >> nth=3")
    page.tap("#ask")
    assert page.is_hidden("#inspector")
    assert visit.same("#query-pad .tile", "#grid .tile >> nth=3")
    assert not visit.errors
    page.context.close()
