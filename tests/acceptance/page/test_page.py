"""The page, used as people use it: in a real Chromium, against a real stack."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import docx
import pytest
from playwright.sync_api import expect

from conveyor import ConversionFailed, Reason, State
from local_stack.environment import ROOT

REPORT = ROOT / "examples" / "report.docx"
# A look at one conversion; its events are another address.
ONE = re.compile("/conversions/[^/?]+$")

DROP = """
([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  return carried;
}
"""

# Each text's contrast with what lies behind it, where that is less than WCAG AA asks for.
TOO_FAINT = """
() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    const color = node ? getComputedStyle(node).backgroundColor : "rgb(255, 255, 255)";
    return (parts(color)[3] ?? 1) === 1 ? color : behind(node.parentElement);
  };
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(":disabled, .unseen")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort();
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${node.textContent}: ${contrast.toFixed(2)}`);
  }
  return faint;
}
"""


def row_of(page, name):
    return page.locator("#conversions > li").filter(has=page.get_by_text(name, exact=True))


def choose(page, *paths):
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Drop documents here").click()
    chooser.value.set_files(paths)


def downloaded(page, press):
    with page.expect_download() as download:
        press()
    return Path(download.value.path()).read_bytes()


def copy_of_report(folder, name):
    copy = folder / name
    copy.write_bytes(REPORT.read_bytes())
    return copy


def fail_one(sandbox, conveyor, document, **faults):
    with sandbox.faults(**faults):
        handle = conveyor.convert(document, to="html")
        with pytest.raises(ConversionFailed):
            handle.wait(timeout=90)
    return handle


@pytest.fixture
def a_dead_letter(sandbox, conveyor, document):
    return fail_one(sandbox, conveyor, document, error_5003=1.0).id


def test_a_chosen_document_comes_back_as_a_pdf(page, sandbox):
    choose(page, REPORT)
    expect(page.get_by_label("Convert to")).to_have_value("pdf")
    row = row_of(page, "report.docx")
    with sandbox.faults(gateway_poll=1.0):  # so that it can't be faster than the look
        page.get_by_role("button", name="Convert", exact=True).click()
        expect(row.locator(".state")).to_have_text("Converting")

    expect(row.locator(".state")).to_have_text("Succeeded")
    expect(row.locator(".facts")).to_contain_text("cost 1")
    expect(page.locator("#said")).to_have_text("report.docx: Succeeded")
    link = row.get_by_role("link", name="Download report.pdf")
    assert downloaded(page, link.click).startswith(b"%PDF")

    page.reload()
    expect(row_of(page, "report.docx").get_by_role("link")).to_be_visible()


def test_dropped_document_gets_the_chosen_format(page, tmp_path):
    document = docx.Document()
    document.add_paragraph("Words that were dropped")
    document.save(tmp_path / "dropped.docx")
    content = base64.b64encode((tmp_path / "dropped.docx").read_bytes()).decode()
    carried = page.evaluate_handle(DROP, ["dropped.docx", content])

    page.dispatch_event("body", "dragover", {"dataTransfer": carried})
    expect(page.locator("#drop")).to_have_class("drop over")
    page.dispatch_event("body", "drop", {"dataTransfer": carried})
    page.get_by_label("Convert to").select_option("html")
    page.get_by_role("button", name="Convert", exact=True).click()

    link = row_of(page, "dropped.docx").get_by_role("link", name="Download dropped.html")
    assert b"Words that were dropped" in downloaded(page, link.click)


def test_many_documents_at_once_each_become_one(page, tmp_path):
    names = [f"part-{number}.docx" for number in range(8)]
    choose(page, *(copy_of_report(tmp_path, name) for name in names))
    expect(page.locator("#choice-hint")).to_have_text("8 conversions, one for each document")
    page.get_by_role("button", name="Convert", exact=True).click()

    for name in names:
        expect(row_of(page, name).locator(".state")).to_have_text("Succeeded")


def test_several_documents_are_merged_into_one(page, conveyor, tmp_path):
    pdfs = []
    for name in ("first", "second"):
        done = conveyor.convert(copy_of_report(tmp_path, f"{name}.docx"), to="pdf").wait(timeout=90)
        pdfs.append(tmp_path / f"{name}.pdf")
        pdfs[-1].write_bytes(b"".join(conveyor.storage.read(done.files[0].uri)))

    choose(page, *pdfs)
    page.get_by_label("Convert to").select_option("merge")
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "first.pdf and 1 more")
    assert downloaded(page, row.get_by_role("link").click).startswith(b"%PDF")


def test_unknown_format_can_be_typed(page, tmp_path):
    document = tmp_path / "drawing.unheard"
    document.write_text("lines")
    choose(page, document)
    expect(page.get_by_label("Convert to")).to_be_hidden()
    page.get_by_label("Other target format").fill(".PDF")
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "drawing.unheard")
    expect(row.locator(".pair")).to_have_text("UNHEARD → PDF")
    expect(row.locator(".state")).to_have_text("Failed")
    expect(row.locator(".note")).to_have_text(
        f"{Reason.UNSUPPORTED.sentence()} {Reason.UNSUPPORTED.advice()}"
    )


def test_failure_is_told_in_the_visitors_language_and_to_the_operator_as_it_is(
    open_page, web, a_dead_letter
):
    page = open_page(web, language="de-AT")
    row = page.locator(f'#conversions > [data-key="{a_dead_letter}"]')
    note = row.locator(".note")

    expect(note).to_have_text(f"{Reason.PASSWORD.sentence('de')} {Reason.PASSWORD.advice('de')}")
    expect(note).to_have_attribute("lang", "de")
    cause = page.locator(f'#dead [data-key="{a_dead_letter}"] .cause')
    expect(cause).to_contain_text("Pass the parameter Password.")


def test_refused_document_says_why_and_can_be_dismissed(open_page, web, tmp_path):
    page = open_page(web, may_complain=True)  # the browser logs the 422
    (tmp_path / "nothing.docx").touch()
    choose(page, tmp_path / "nothing.docx")
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "nothing.docx")
    expect(row.locator(".state")).to_have_text("Not accepted")
    expect(row.locator(".note")).to_contain_text("empty")
    row.get_by_role("button", name="Dismiss").click()
    expect(row).to_have_count(0)


def test_a_large_upload_is_watched_and_broken_off(page, tmp_path):
    document = tmp_path / "large.docx"
    document.write_bytes(bytes(4_000_000))
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    choose(page, document)
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "large.docx")
    expect(row.locator(".state")).to_have_text(re.compile(r"Uploading [1-9]\d? %"))
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    expect(page.locator("#said")).to_have_text("large.docx: The upload was cancelled.")


def test_a_conversion_is_cancelled_from_its_row(page, conveyor, stack, tmp_path):
    (worker,) = stack.workers
    worker.stop()
    try:
        handle = conveyor.convert(copy_of_report(tmp_path, "long.docx"), to="pdf")
        row = page.locator(f'#conversions > [data-key="{handle.id}"]')
        expect(row.locator(".state")).to_have_text("Queued")
        row.get_by_role("button", name="Cancel").click()
        expect(row.locator(".state")).to_have_text("Cancelled")
    finally:
        stack.start_worker(worker)

    assert handle.get().state is State.CANCELLED


def test_a_dead_letter_says_its_cause_and_its_price_before_it_is_replayed(
    *, page, sandbox, conveyor, document, audit_once_at_rest
):
    handle = fail_one(sandbox, conveyor, document, error_5001=1.0)
    letter = page.locator(f'#dead [data-key="{handle.id}"]')
    expect(letter.locator(".cause")).to_have_text(re.compile("Conversion failed.*code 5001"))
    expect(page.locator('#dead [data-key="service"] > .hint')).to_contain_text("Replay it later")

    before = audit_once_at_rest()["paid"]
    letter.get_by_role("button", name="Replay, pays again").click()
    expect(letter.get_by_role("button", name="Not now")).to_be_focused()
    letter.get_by_role("button", name="Not now").click()
    expect(letter.get_by_role("button", name="Replay, pays again")).to_be_focused()
    assert sandbox.audit()["paid"] == before

    letter.get_by_role("button", name="Replay, pays again").click()
    letter.get_by_role("button", name="Pay and replay").click()
    expect(letter).to_have_count(0)
    row = page.locator(f'#conversions > [data-key="{handle.id}"]')
    expect(row.locator(".state")).to_have_text("Succeeded")
    assert sandbox.audit()["paid"] == before + 1


def test_a_paid_result_is_fetched_again_for_free(
    *, page, sandbox, conveyor, document, audit_once_at_rest
):
    handle = fail_one(sandbox, conveyor, document, truncated_download=1.0)
    before = audit_once_at_rest()["paid"]
    letter = page.locator(f'#dead [data-key="{handle.id}"]')
    letter.get_by_role("button", name="Fetch again, free").click()

    row = page.locator(f'#conversions > [data-key="{handle.id}"]')
    expect(row.locator(".state")).to_have_text("Succeeded")
    assert sandbox.audit()["paid"] == before


def test_everything_is_done_by_keyboard(page, tmp_path):
    for stop in ("API", "Flower"):
        expect(page.get_by_role("link", name=stop)).to_be_visible()
    for stop in ("API", "Flower"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=stop)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#files")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(copy_of_report(tmp_path, "typed.docx"))

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove typed.docx")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Convert to")).to_be_focused()
    page.keyboard.type("HTML")
    expect(page.get_by_label("Convert to")).to_have_value("html")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Convert", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#files")).to_be_focused()

    row = row_of(page, "typed.docx")
    expect(row.locator(".state")).to_have_text("Succeeded")
    page.keyboard.press("Tab")
    expect(row.get_by_role("link", name="Download typed.html")).to_be_focused()
    assert b"<" in downloaded(page, lambda: page.keyboard.press("Enter"))


def test_the_key_is_asked_for_once_and_goes_with_every_request(open_page, guarded_web):
    address, key = guarded_web
    page = open_page(address, may_complain=True)  # the browser logs each 401
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type("no such key")
    page.keyboard.press("Enter")
    expect(page.locator("#key-hint")).to_have_text(
        "That key was refused. Check that you copied all of it."
    )
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#health")).to_have_text("Live")
    expect(page.get_by_label("API key")).to_be_hidden()

    choose(page, REPORT)
    page.get_by_role("button", name="Convert", exact=True).click()
    link = row_of(page, "report.docx").get_by_role("link", name="Download report.pdf")
    assert downloaded(page, link.click).startswith(b"%PDF")

    page.reload()
    expect(page.locator("#health")).to_have_text("Live")
    expect(page.get_by_label("API key")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_in_dark(open_page, web, a_dead_letter, scheme):
    page = open_page(web, scheme=scheme)
    page.locator(f'#dead [data-key="{a_dead_letter}"]').get_by_role("button").first.click()

    assert page.evaluate(TOO_FAINT) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(244, 246, 245)", "dark": "rgb(14, 19, 20)"}[scheme]


def test_a_telephone_shows_all_of_it(open_page, web):
    page = open_page(web, width=360, height=740)
    expect(page.locator("#health")).to_have_text("Live")
    expect(page.locator("#in-flight dd").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_lost_server_is_reported_and_the_page_continues_with_its_successor(
    open_page, web, stack, conveyor, document
):
    page = open_page(web, may_complain=True)  # the browser logs each refused connection
    expect(page.locator("#health")).to_have_text("Live")
    stack.web.stop()
    try:
        expect(page.locator("#health")).to_contain_text("be reached")
        handle = conveyor.convert(document, to="html")
    finally:
        stack.start_web()
    expect(page.locator("#health")).to_have_text("Live")
    row = page.locator(f'#conversions > [data-key="{handle.id}"]')
    expect(row.locator(".state")).to_have_text("Succeeded")


def test_the_fleet_is_shown_with_its_way_to_flower(page, stack, conveyor, document):
    conveyor.convert(document, to="html").wait(timeout=90)
    expect(page.get_by_role("link", name="Flower")).to_have_attribute("href", stack.flower_url)
    succeeded = page.locator("#ended [data-state=succeeded] dd")
    expect(succeeded).not_to_have_text("0")
    expect(page.locator("#throughput rect")).to_have_count(30)
    expect(page.locator("#throughput rect.some")).not_to_have_count(0)


def test_a_press_that_came_to_nothing_says_why(open_page, web, stack, conveyor, tmp_path):
    page = open_page(web, may_complain=True)  # the browser logs the refused connection
    (worker,) = stack.workers
    worker.stop()
    handle = conveyor.convert(copy_of_report(tmp_path, "lost.docx"), to="pdf")
    row = page.locator(f'#conversions > [data-key="{handle.id}"]')
    expect(row.locator(".state")).to_have_text("Queued")
    stack.web.stop()
    try:
        row.get_by_role("button", name="Cancel").click()
        expect(page.locator("#trouble")).to_contain_text("be reached")
    finally:
        stack.start_web()
        stack.start_worker(worker)


def test_older_conversions_are_a_press_away(page, conveyor, document):
    for _ in range(21):
        conveyor.convert(document, to="html").cancel()
    page.reload()
    rows = page.locator("#conversions > li")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show older ones").click()

    expect(rows).not_to_have_count(20)
    assert rows.count() > 20


def test_many_on_their_way_are_looked_at_in_one_request(page, stack, conveyor, tmp_path):
    (worker,) = stack.workers
    worker.stop()
    try:
        slow = copy_of_report(tmp_path, "slow.docx")
        oldest, *others = [conveyor.convert(slow, to="html") for _ in range(25)]
        page.reload()
        page.get_by_role("button", name="Show older ones").click()
        row = page.locator(f'#conversions > [data-key="{oldest.id}"]')
        expect(row.locator(".state")).to_have_text("Queued")
        singly = []
        page.on("request", lambda asked: ONE.search(asked.url) and singly.append(asked.url))
        oldest.cancel()
        expect(row.locator(".state")).to_have_text("Cancelled")
        assert singly == []
        for handle in others:
            handle.cancel()
    finally:
        stack.start_worker(worker)


def test_throttled_upload_continues_automatically(open_page, web, tmp_path):
    page = open_page(web, may_complain=True)  # the browser logs the 429
    sent = []

    def refuse_once(route):
        """As the real limit does, which would take a minute."""
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) == 1:
            route.fulfill(status=429, headers={"Retry-After": "6"}, json={"detail": "Too many."})
        else:
            route.continue_()

    page.route("**/conversions", refuse_once)
    choose(page, copy_of_report(tmp_path, "eager.docx"))
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "eager.docx")
    expect(row.locator(".state")).to_have_text("Waiting to upload")
    expect(row.locator(".note")).to_contain_text("continues in 6 s")
    expect(row.locator(".state")).to_have_text("Succeeded")
    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_a_format_is_known_by_its_other_name(page, tmp_path):
    choose(page, copy_of_report(tmp_path, "notes.markdown"))

    expect(page.get_by_label("Convert to")).to_have_value("pdf")


def test_more_dead_letters_of_a_class_are_a_press_away(page, sandbox, conveyor, document):
    with sandbox.faults(error_5001=1.0):
        handles = [conveyor.convert(document, to="html") for _ in range(4)]
        for handle in handles:
            with pytest.raises(ConversionFailed):
                handle.wait(timeout=90)
    page.get_by_role("button", name="Show more of class service").click()

    for handle in handles:
        expect(page.locator(f'#dead [data-key="{handle.id}"]')).to_be_visible()
    conveyor.dead_letters.purge(older_than_s=0)
    expect(page.get_by_text("No dead letters. Good.")).to_be_visible()
