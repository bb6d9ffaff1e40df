"""The shop's tests: without Redis, broker and worker."""

import os

import pytest
from fastapi.testclient import TestClient

from conveyor import Reason

os.environ["SHOP_DATABASE"] = ":memory:"
import shop

WEEK_S = 7 * 24 * 3600


@pytest.fixture
def conveyor_celery_app():
    shop.celery.conf.task_always_eager = True
    return shop.celery


@pytest.fixture
def conveyor(fake_conveyor, monkeypatch):
    monkeypatch.setattr(shop, "conveyor", fake_conveyor)
    return fake_conveyor


@pytest.fixture
def mails(monkeypatch):
    sent = []
    monkeypatch.setattr(shop, "send", lambda *mail: sent.append(mail))
    return sent


@pytest.fixture
def ada(conveyor):
    client = TestClient(shop.app)
    client.auth = ("ada", "lovelace")
    return client


def send_invoice(client, key):
    headers = {"Idempotency-Key": key, "Content-Type": "application/octet-stream"}
    answer = client.post("/invoices/bill.docx", content=b"words", headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["invoice"]


def test_invoice_in_mail_out(conveyor, ada, mails):
    number = send_invoice(ada, "first")
    conveyor.assert_enqueued(to="pdf", source="bill.docx", metadata={"invoice": number})
    assert ada.get(f"/invoices/{number}").json()["state"] == "queued"

    conveyor.succeed(conveyor.enqueued[0], files={"bill.pdf": b"%PDF of the bill"})
    assert mails == [("ada@example.com", f"here is your invoice {number}", b"%PDF of the bill")]
    assert ada.get(f"/invoices/{number}/pdf").content == b"%PDF of the bill"


def test_invoice_of_another_customer_is_not_found(conveyor, ada):
    number = send_invoice(ada, "private")
    conveyor.succeed(conveyor.enqueued[0])

    assert ada.get(f"/invoices/{number}", auth=("bob", "builder")).status_code == 404
    assert ada.get(f"/invoices/{number}/pdf", auth=("bob", "builder")).status_code == 404


def test_double_click_is_paid_once(conveyor, ada, mails):
    assert send_invoice(ada, "click") == send_invoice(ada, "click")

    (enqueued,) = conveyor.enqueued
    conveyor.succeed(enqueued)
    conveyor.assert_paid(1)
    assert len(mails) == 1


def test_customer_is_asked_for_the_password(conveyor, ada, mails):
    number = send_invoice(ada, "locked")
    conveyor.fail(conveyor.enqueued[0], Reason.PASSWORD)
    shown = ada.get(f"/invoices/{number}", headers={"Accept-Language": "de"}).json()
    assert (shown["state"], shown["wants_password"]) == ("failed", True)
    assert shown["failure"] == Reason.PASSWORD.sentence("de")
    assert Reason.PASSWORD.advice() in mails.pop()[1]

    headers = {"Idempotency-Key": "unlock"}
    ada.post(f"/invoices/{number}/password", json={"password": "sesame"}, headers=headers)
    again = conveyor.assert_enqueued(source="bill.docx", params={"Password": "sesame"})
    conveyor.succeed(again)
    assert ada.get(f"/invoices/{number}").json()["state"] == "succeeded"
    assert mails[0][1] == f"here is your invoice {number}"


def test_pdf_is_removed_after_a_week(conveyor, ada):
    number = send_invoice(ada, "old")
    conveyor.succeed(conveyor.enqueued[0])
    conveyor.advance(WEEK_S - 60)
    assert ada.get(f"/invoices/{number}/pdf").status_code == 200

    conveyor.advance(120)
    assert ada.get(f"/invoices/{number}/pdf").status_code == 410
