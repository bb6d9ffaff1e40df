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
DROP = """
([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  return carried;
}
"""


def row_of(page, name):
    return page.locator("#conversions > li").filter(has=page.get_by_text(name, exact=True))


def listed(page, handle):
    """A conversion's row in the operator's list."""
    return page.locator(f'#list > [data-key="{handle.id}"]')


def group_of(page, reason):
    return page.locator("#failures > li").filter(has=page.get_by_text(reason, exact=True))


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
def operate(open_page, web):
    """Opens the operator's page."""
    return lambda **options: open_page(f"{web}operate", **options)


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


def test_failure_is_told_in_the_visitors_language_and_mended_with_a_password(
    open_page, web, operate, sandbox, tmp_path
):
    page = open_page(web, language="de-AT")
    choose(page, copy_of_report(tmp_path, "locked.docx"))
    with sandbox.faults(error_5003=1.0):
        page.get_by_role("button", name="Convert", exact=True).click()
        row = row_of(page, "locked.docx")
        expect(row.locator(".state")).to_have_text("Failed")
    note = row.locator(".note")
    expect(note).to_have_text(f"{Reason.PASSWORD.sentence('de')} {Reason.PASSWORD.advice('de')}")
    expect(note).to_have_attribute("lang", "de")
    expect(group_of(operate(), "Password needed").locator(".cause")).to_contain_text("code 5003")

    row.get_by_role("button", name="Enter password").click()
    page.keyboard.type("open sesame")
    page.keyboard.press("Enter")
    expect(row.locator(".state")).to_have_text("Succeeded")
    link = row.get_by_role("link", name="Download locked.pdf")
    assert downloaded(page, link.click).startswith(b"%PDF")


def test_refused_document_says_why_and_can_be_dismissed(open_page, web, tmp_path):
    page = open_page(web, may_complain=True)  # the browser logs the 422
    (tmp_path / "nothing.docx").touch()
    choose(page, tmp_path / "nothing.docx")
    page.get_by_role("button", name="Convert", exact=True).click()

    row = row_of(page, "nothing.docx")
    expect(row.locator(".state")).to_have_text("Not accepted")
    expect(row.locator(".note")).to_contain_text("empty")
    row.locator(".open").click()
    row.get_by_role("button", name="Remove from this list").click()
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


def test_a_conversion_is_cancelled_from_its_row(operate, conveyor, stack, tmp_path):
    page = operate()
    (worker,) = stack.workers
    worker.stop()
    try:
        handle = conveyor.convert(copy_of_report(tmp_path, "long.docx"), to="pdf")
        row = listed(page, handle)
        expect(row.locator(".state")).to_have_text("Queued")
        row.get_by_role("button", name="Cancel").click()
        expect(row.locator(".state")).to_have_text("Cancelled")
    finally:
        stack.start_worker(worker)

    assert handle.get().state is State.CANCELLED


def test_failures_say_their_cause_and_their_price_before_they_are_replayed(
    *, operate, sandbox, conveyor, document, audit_once_at_rest
):
    page = operate()
    with sandbox.faults(error_5001=1.0):
        handles = [conveyor.convert(document, to="html") for _ in range(2)]
        for handle in handles:
            with pytest.raises(ConversionFailed):
                handle.wait(timeout=90)
    group = group_of(page, "Conversion failed")
    expect(group.locator(".count")).to_have_text("2")
    expect(group.locator(".cause")).to_have_text(re.compile("Conversion failed.*code 5001"))
    expect(group.locator("> .hint")).to_contain_text("Replay it later")

    before = audit_once_at_rest()["paid"]
    group.get_by_role("button", name="Replay, paid").click()
    expect(group.get_by_role("button", name="Not now")).to_be_focused()
    group.get_by_role("button", name="Not now").click()
    expect(group.get_by_role("button", name="Replay, paid")).to_be_focused()
    assert sandbox.audit()["paid"] == before

    group.get_by_role("button", name="Replay, paid").click()
    group.get_by_role("button", name="Pay and replay 2").click()
    expect(group).to_have_count(0)
    for handle in handles:
        expect(listed(page, handle).locator(".state")).to_have_text("Succeeded")
    assert sandbox.audit()["paid"] == before + 2


def test_a_paid_result_is_fetched_again_for_free(
    *, operate, sandbox, conveyor, document, audit_once_at_rest
):
    page = operate()
    handle = fail_one(sandbox, conveyor, document, truncated_download=1.0)
    before = audit_once_at_rest()["paid"]
    letter = page.locator(f'#failures [data-key="{handle.id}"]')
    page.locator("#failures > li").filter(has_text="Fetch, free").locator("> .line .open").click()
    letter.get_by_role("button", name="Fetch, free").click()

    expect(listed(page, handle).locator(".state")).to_have_text("Succeeded")
    assert sandbox.audit()["paid"] == before


def test_everything_is_done_by_keyboard(page, tmp_path):
    for stop in ("Skip to the content", "Convert", "Fleet", "API"):
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
    for stop in ("Clear finished ones", "typed.docx"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=stop, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(row.locator(".facts")).to_be_visible()
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


def test_a_lost_server_is_reported_and_the_page_continues_with_its_successor(
    operate, stack, conveyor, document
):
    page = operate(may_complain=True)  # the browser logs each refused connection
    expect(page.locator("#health")).to_have_text("Live")
    stack.web.stop()
    try:
        expect(page.locator("#health")).to_contain_text("be reached")
        handle = conveyor.convert(document, to="html")
    finally:
        stack.start_web()
    expect(page.locator("#health")).to_have_text("Live")
    row = listed(page, handle)
    expect(row.locator(".state")).to_have_text("Succeeded")


def test_the_fleet_is_shown_with_its_way_to_flower(operate, stack, conveyor, document):
    page = operate()
    conveyor.convert(document, to="html").wait(timeout=90)
    expect(page.get_by_role("link", name="Flower")).to_have_attribute("href", stack.flower_url)
    succeeded = page.locator("#ended [data-state=succeeded] dd")
    expect(succeeded).not_to_have_text("0")
    expect(page.locator("#throughput rect")).to_have_count(30)
    expect(page.locator("#throughput rect.some")).not_to_have_count(0)


def test_a_press_that_came_to_nothing_says_why(operate, stack, conveyor, tmp_path):
    page = operate(may_complain=True)  # the browser logs the refused connection
    (worker,) = stack.workers
    worker.stop()
    handle = conveyor.convert(copy_of_report(tmp_path, "lost.docx"), to="pdf")
    row = listed(page, handle)
    expect(row.locator(".state")).to_have_text("Queued")
    stack.web.stop()
    try:
        row.get_by_role("button", name="Cancel").click()
        expect(page.locator("#list-trouble")).to_contain_text("be reached")
    finally:
        stack.start_web()
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
