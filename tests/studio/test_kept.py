"""The page when things change or fail: what is kept, what can be undone, what is told."""

from __future__ import annotations

import pytest
from studio.toys import page as several
from studio.toys import picture

pytest.importorskip("fastapi", reason="needs the extra `studio`")
pytest.importorskip("playwright", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")

from playwright import sync_api as playwright
from studio.browser import FIGURES, HAND, WAIT, Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_drawing_takes_the_place_of_the_example(roomy: Visit) -> None:
    roomy.page.click("#slots button >> nth=1")  # a change to the example itself keeps the others
    roomy.stroke("#support-pad", (0.1, 0.1), (0.1, 0.3))
    assert roomy.filled == 4 and roomy.page.input_value("#example") == ""
    roomy.page.click("#empty")
    roomy.page.select_option("#example", "heron")
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    assert roomy.filled == 1 and roomy.page.input_value("#example") == ""
    roomy.page.click("#support-pad >> text=Undo")
    assert roomy.filled == 0 and roomy.page.input_value("#example") == ""


def test_drawings_outlast_a_reload_and_another_model(roomy: Visit) -> None:
    page = roomy.page
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    roomy.stroke("#query-pad", (0.1, 0.1), (0.9, 0.1))
    drawn, asked = roomy.ink("#slots .tile"), roomy.ink("#query-pad .tile")
    for model in ("eight", "omniglot-45-5"):
        page.reload()
        page.select_option("#model", model)
        roomy.sees("#status", "16 drawn in")
        assert roomy.filled == 1 and roomy.ink("#slots .tile") == drawn
        assert roomy.ink("#query-pad .tile") == asked
        assert roomy.ink("#support-pad .tile") == 0  # ready for the next
    page.click("#empty")
    page.reload()  # nothing of one's own: the example again
    roomy.sees("#status", "16 drawn in")
    assert roomy.filled == 4
    page.select_option("#example", "")
    assert roomy.filled == 0
    page.click("#slots button")
    page.click("#support-pad >> text=Undo")
    assert roomy.filled == 1 and roomy.ink("#slots .tile") == drawn


def test_a_page_without_storage_works(browser, address: str) -> None:
    visit = Visit(browser, address)
    visit.page.add_init_script("delete window.localStorage; delete Window.prototype.localStorage;")
    visit.page.reload()
    visit.sees("#status", "16 drawn in")
    visit.page.click("#empty")
    visit.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    visit.page.select_option("#model", "eight")
    visit.sees("#status", "16 drawn in")
    assert visit.filled == 1 and not visit.errors
    visit.page.context.close()


def test_looking_at_drawings_does_not_erase_them(roomy: Visit) -> None:
    page = roomy.page
    roomy.draw(3)
    assert roomy.filled == 3 and roomy.stored == [3, 0]
    page.select_option("#model", "single")
    roomy.sees("#status", "16 drawn in")
    roomy.stroke("#support-pad", (0.1, 0.1), (0.9, 0.1))  # nor does a change to the one shown
    assert roomy.stored == [3, 0]
    page.select_option("#model", "eight")
    roomy.sees("#status", "16 drawn in")
    assert roomy.filled == 3


def test_two_tabs_show_the_same_drawings(roomy: Visit) -> None:
    page, second = roomy.page, roomy.page.context.new_page()
    second.set_default_timeout(WAIT)
    second.goto(page.url)
    playwright.expect(second.locator("#status")).to_contain_text("drawn in", timeout=WAIT)
    roomy.draw(3)
    slots = playwright.expect(second.locator("#slots button:not(.blank)"))
    slots.to_have_count(3, timeout=WAIT)
    second.click("#slots button >> nth=1")
    second.click("#kind-b")
    assert roomy.stored == [3, 0]
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
        page.click(f"#completions .cell >> nth={i}")
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


def test_a_page_of_several_drawings_can_be_taken_apart(roomy: Visit) -> None:
    page = roomy.page
    assert page.evaluate(HAND, ["drop", "#support", several(3)])
    roomy.sees("#support-status", "These look like three drawings.")
    assert roomy.filled == 1
    page.click("#apart")
    assert roomy.filled == 3 and page.locator("#apart").count() == 0
    page.click("#support-pad >> text=Undo")
    assert roomy.filled == 1
    assert page.evaluate(HAND, ["drop", "#support", several(2)])
    roomy.sees("#support-status", "These look like two drawings.")
    page.click("#support-pad >> text=Next")
    roomy.stroke("#support-pad", (0.3, 0.2), (0.3, 0.8))
    assert page.locator("#apart").count() == 0
    assert page.evaluate(HAND, ["drop", "#support", picture(70)])
    playwright.expect(page.locator("#support-status")).to_have_text("", timeout=WAIT)


def test_pictures_go_where_they_are_dropped(roomy: Visit) -> None:
    page = roomy.page
    asked = roomy.ink("#query-pad .tile")
    assert page.evaluate(HAND, ["drop", "#query", picture(70)])
    playwright.expect(page.locator("#query-status")).to_have_text("", timeout=WAIT)
    assert roomy.filled == 4 and roomy.ink("#query-pad .tile") != asked
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
    assert roomy.stored == [2, 0]
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
    page.select_option("#model", "eight")
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
    page.locator("#guidance").fill("1")
    roomy.sees("#status", "guided by 1.00")
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
    page.wait_for_timeout(700)
    page.click("#draw")
    roomy.sees("#status", "stopped")
    assert page.inner_text("#draw") == "Draw 16"
    page.unroute("**/api/sample")


def test_failures_are_told_in_plain_words(visit: Visit) -> None:
    page = visit.page
    words = "The studio doesn't answer. Is it still running"
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
    page.select_option("#model", "eight")
    page.reload()
    visit.sees("#status", "16 drawn in")
    assert page.input_value("#model") == "eight" and page.inner_text("#theme") == "Light"


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
