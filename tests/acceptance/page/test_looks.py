"""How the pages look and answer in every state: in Chromium, before made-up answers of the API."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import expect

from conveyor import Reason
from local_stack.environment import ROOT
from tests.acceptance.page.conftest import REFUSED_CSP
from tests.acceptance.page.fake_api import (
    BLANK,
    ORIGIN,
    FakeApi,
    as_mine,
    busy,
    conversion,
    failed,
    letter,
)

AXE = ROOT / "var/axe/node_modules/axe-core/axe.min.js"
PAGES = {"visitor": "/", "operator": "/operate", "docs": "/docs", "problems": "/problems"}
PAGES_WITH_STATES = ("visitor", "operator")
STATES = {"empty": [], "busy": busy(), "failed": failed()}
# What axe finds, as one line for each element. Colours alone change with the scheme.
JUDGED = """
async (rules) => {
  const wanted = rules.length ? { runOnly: rules } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...wanted });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
}
"""
JUDGED_AT = (
    ("light", 390, []),
    ("light", 1280, []),
    ("dark", 1280, ["color-contrast"]),
    ("dark", 390, ["color-contrast"]),
)
ANIMATED = (
    "() => document.getAnimations().filter(({ playState }) => playState === 'running').length"
)


@pytest.fixture(scope="module")
def api():
    return FakeApi()


@pytest.fixture(scope="module")
def stage(browser, api):
    """One page for all tests, because each new one takes a second of a processor."""
    # What moves is painted all the time.
    context = browser.new_context(locale="en", reduced_motion="reduce")
    api.serve(context)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(REFUSED_CSP)
    yield page
    context.close()


@pytest.fixture
def show(stage, api):
    """Shows a page in a state; whatever it complained of fails the test."""
    complaints = []
    on_error = lambda error: complaints.append(str(error))  # noqa: E731  # it is taken off again
    on_console = lambda said: said.type == "error" and complaints.append(said.text)  # noqa: E731  # too
    stage.on("pageerror", on_error)
    stage.on("console", on_console)

    def show(view, *, state="empty", width=1280, mine=None):
        letters = STATES[state] if state == "failed" else []
        api.fill([] if letters else STATES[state], letters)
        stage.set_viewport_size({"width": width, "height": 800})
        stage.emulate_media(color_scheme="light", reduced_motion="reduce")
        stage.goto(f"{ORIGIN}{BLANK}")
        stage.evaluate(as_mine(STATES[state] if mine is None else mine))
        stage.goto(f"{ORIGIN}{PAGES[view]}")
        return stage

    yield show
    stage.goto(f"{ORIGIN}{BLANK}")  # the page asks no more
    stage.remove_listener("pageerror", on_error)
    stage.remove_listener("console", on_console)
    assert complaints == []


def at_rest(page):
    """All that was asked for is shown, and what can be opened is open."""
    if page.locator("#health").count():
        expect(page.locator("#health")).to_have_text("Live")
    if page.locator("#fleet").count():
        expect(page.locator("#in-flight dd").first).to_be_visible()
        expect(page.locator("#list > li, #no-list:visible").first).to_be_visible()
    for opener in page.locator("summary, .rows > li > .line .open").all()[:1]:
        opener.click()
    for remedy in page.get_by_role("button", name=re.compile("^Enter password")).all()[:1]:
        remedy.click()
    if page.locator("details.operation").count():
        expect(page.locator("form.try")).to_have_count(1)


@pytest.mark.parametrize(
    ("view", "state"),
    [*product(PAGES_WITH_STATES, STATES), ("docs", "empty"), ("problems", "empty")],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(show, view, state):
    assert AXE.exists(), "axe-core is not installed. Run: make var/axe/.made"
    page = show(view, state=state)
    at_rest(page)
    page.evaluate(AXE.read_text())  # not as a script of the page's: its policy would refuse it

    # A description is long, and looks the same at each width.
    for scheme, width, rules in JUDGED_AT[:: 1 if view in PAGES_WITH_STATES else 2]:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(JUDGED, rules) == []
    # A window of 1280 pixels at 200%.
    page.set_viewport_size({"width": 640, "height": 400})
    assert page.evaluate("document.documentElement.scrollWidth") == 640


def test_nothing_moves_for_those_who_want_less_motion(show):
    page = show("visitor", state="busy")
    at_rest(page)
    assert page.evaluate(ANIMATED) == 0
    page.emulate_media(reduced_motion="no-preference")

    assert page.evaluate(ANIMATED) > 0


@pytest.mark.parametrize("view", PAGES)
def test_the_first_tab_leads_past_the_head_of_the_page(show, view):
    page = show(view)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_visitor_sees_his_own_conversions_alone(show, api):
    others, own = busy(), conversion(3, "ready")
    page = show("visitor", state="busy", mine=[own])

    expect(page.locator("#conversions > li")).to_have_count(1)
    expect(page.locator("#conversions .name")).to_have_text("contract 3.docx")
    assert len(others) > 1
    lists = [path for method, path, _ in api.asked if path == "/conversions"]
    assert lists
    page.get_by_role("link", name="Fleet").click()
    expect(page.locator("#list > li")).to_have_count(len(others))


def test_what_the_server_has_forgotten_is_taken_off_the_list(show):
    page = show("visitor", mine=[conversion(9)])

    expect(page.get_by_text("No conversions yet.")).to_be_visible()
    assert page.evaluate("localStorage.getItem('conveyor-mine')") == "[]"


def test_password_is_asked_for_and_sent_with_the_same_document(show, api):
    page = show("visitor")
    page.locator("#files").set_input_files(
        {"name": "contract.docx", "mimeType": "", "buffer": b"words of the contract"}
    )
    page.get_by_role("button", name="Convert", exact=True).click()
    row = page.locator("#conversions > li")
    expect(row.locator(".state")).to_have_text("Queued")
    fail(api, Reason.PASSWORD)
    row.get_by_role("button", name="Enter password").click()
    expect(row.get_by_role("textbox", name="Password")).to_be_focused()
    expect(row.get_by_label("Choose the document again")).to_be_hidden()
    page.keyboard.type("open sesame")
    page.keyboard.press("Enter")

    expect(row.locator(".state")).to_have_text("Queued")
    expect(row).to_have_count(1)
    sent = [body for method, path, body in api.asked if (method, path) == ("POST", "/conversions")]
    assert len(sent) == 2
    assert '{"Password":"open sesame"}' in sent[1]
    assert "words of the contract" in sent[1]


def fail(api, reason):
    (identity,) = api.conversions
    dead = letter(0, reason)
    api.conversions[identity] = {**dead, "id": identity, "source_name": ""}


def test_document_is_chosen_again_where_the_page_has_it_no_more(show, api):
    page = show("visitor", state="failed", mine=[letter(1, Reason.PASSWORD)])
    row = page.locator("#conversions > li")
    row.get_by_role("button", name="Enter password").click()
    expect(row.get_by_label("Choose the document again")).to_be_focused()
    again = {"name": "price list 1.docx", "mimeType": "", "buffer": b"the same words"}
    row.get_by_label("Choose the document again").set_input_files(again)
    row.get_by_role("textbox", name="Password").fill("secret")
    row.get_by_role("button", name="Try again").click()

    expect(row.locator(".state")).to_have_text("Queued")


def test_focus_stays_near_when_its_row_goes(show):
    page = show("visitor", state="busy")
    rows = page.locator("#conversions > li")
    rows.nth(4).locator(".open").click()
    rows.nth(4).get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(len(busy()) - 1)
    expect(rows.nth(4).locator(".open")).to_be_focused()
    page.get_by_role("button", name="Clear finished ones").click()

    expect(rows).to_have_count(3)
    expect(page.get_by_role("heading", name="Your conversions")).to_be_focused()


def test_each_failure_is_told_once_and_opens_to_its_conversions(show):
    page = show("operator", state="failed")
    groups = page.locator("#failures > li")

    expect(groups.locator("> .line .name")).to_have_text(
        ["Service failed", "Password needed", "Took too long", "Storage failed"]
    )
    expect(groups.locator("> .line .count")).to_have_text(["14", "5", "1", "1"])
    groups.nth(1).locator(".open").press("Enter")
    expect(groups.nth(1).locator(".letter")).to_have_count(5)
    groups.nth(1).locator(".letter .open").first.press("Enter")
    expect(groups.nth(1).locator(".letter dl").first).to_contain_text("4001")


def test_group_is_replayed_after_its_price_was_shown(show, api):
    page = show("operator", state="failed")
    group = page.locator("#failures > li").filter(has_text="Password needed")
    group.get_by_role("button", name="Replay, paid: 5 conversions").click()
    expect(group.get_by_role("group", name="Replay")).to_contain_text(
        "5 conversions will be paid again."
    )
    expect(group.get_by_role("button", name="Not now")).to_be_focused()
    page.keyboard.press("Escape")
    expect(group.get_by_role("button", name="Replay, paid: 5 conversions")).to_be_focused()
    assert replayed(api) == []
    page.keyboard.press("Enter")
    group.get_by_role("button", name="Pay and replay 5").click()

    expect(group).to_have_count(0)
    expect(page.locator("#said")).to_have_text("5 of 5 are on their way again.")
    assert len(replayed(api)) == 5


def test_what_the_filter_shows_is_replayed_at_a_mixed_price(show, api):
    page = show("operator", state="failed")
    page.get_by_label("Search").fill("minutes")
    page.get_by_role("button", name="Replay 3…").click()
    expect(page.locator("#replay-shown")).to_contain_text("3 conversions will be paid again.")
    page.get_by_role("button", name="Not now").click()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Replay 21…").click()

    expect(page.locator("#replay-shown")).to_contain_text(
        "20 conversions will be paid again. What took too long gets 20 minutes. "
        "1 paid result will be fetched again, for nothing."
    )
    assert replayed(api) == []


def replayed(api):
    return [path for method, path, _ in api.asked if path.endswith("/replay")]


def test_filters_leave_what_fits(show):
    page = show("operator", state="failed")
    rows = page.locator("#list > li")
    expect(rows).to_have_count(21)
    page.get_by_label("Reason").select_option("storage")
    expect(rows).to_have_count(1)
    page.get_by_label("State").select_option("succeeded")
    expect(page.get_by_text("No loaded conversion fits.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Search").fill("order=4007")
    expect(rows).to_have_count(1)
    expect(rows.locator(".name")).to_have_text("annual report 7.docx")


def test_metadata_is_searched_beyond_what_was_loaded(show, api):
    page = show("operator")
    api.fill([conversion(number) for number in range(300)])
    page.reload()
    expect(page.locator("#list-count")).to_have_text("the newest 200")
    page.get_by_label("Search").fill("order=4250")

    expect(page.locator("#list .name")).to_have_text(["programme 250.docx"])


def test_accounts_are_told_apart_and_chosen_where_there_are_two(show, api):
    page = show("operator")
    api.fill([], [letter(1, Reason.PASSWORD), letter(2, Reason.PASSWORD, account="99ffee00aa")])
    page.reload()
    groups = page.locator("#failures > li")
    expect(groups).to_have_count(2)
    page.locator("#account").select_option("99ffee00")
    expect(groups).to_have_count(1)
    groups.locator(".open").click()
    expect(groups.locator(".letter .name")).to_have_text(["minutes 2.docx"])


def test_focus_and_open_row_stay_when_a_new_conversion_comes(show, api):
    page = show("operator", state="busy")
    row = page.locator("#list > li").filter(has_text="invitation 4.docx")
    row.locator(".open").press("Enter")
    newest = conversion(0, "queued")
    api.conversions = {newest["id"]: newest, **api.conversions}

    expect(page.locator("#list > li").first).to_contain_text("annual report 0.docx")
    expect(row.locator(".open")).to_be_focused()
    expect(row.locator("dl")).to_contain_text("4004")


def test_two_presses_replay_once(show, api):
    page = show("operator", state="failed")
    group = page.locator("#failures > li").filter(has_text="Storage failed")
    group.locator("> .line .open").click()
    group.locator(".letter").get_by_role("button", name="Fetch, free").dblclick()

    expect(group).to_have_count(0)
    assert len(replayed(api)) == 1


def test_a_thousand_are_searched_and_a_hundred_rows_are_made(show, api):
    page = show("operator")
    api.fill([conversion(number) for number in range(1000)])
    page.reload()
    rows, count = page.locator("#list > li"), page.locator("#list-count")
    for shown in range(100, 900, 100):
        expect(rows).to_have_count(shown)
        page.get_by_role("button", name="Show more").click()
    expect(count).to_have_text("1,000")
    page.get_by_label("Search").fill("report")

    expect(count).to_have_text("143 of 1,000 fit")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(143)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_an_operation_is_tried_from_its_description(show):
    page = show("docs", state="busy")
    operation = page.locator("#listConversions")
    operation.locator("summary").click()
    operation.get_by_label("limit").fill("2")
    operation.get_by_role("button", name="Send").click()

    expect(operation.locator(".said")).to_have_text(re.compile("^200 OK after"))
    expect(operation.locator("pre")).to_contain_text('"source_name": "price list 1.docx"')


def test_bodies_are_described_by_their_schemas(show):
    page = show("docs")
    page.locator("#convert summary").click()
    page.locator("#convert").get_by_role("link", name="ConversionOrder").click()

    expect(page.locator("#schema-ConversionOrder")).to_be_in_viewport()
    expect(page.locator("#schema-ConversionOrder")).to_contain_text("from_format")
