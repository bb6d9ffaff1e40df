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
def fake(fake_conveyor, monkeypatch):
    monkeypatch.setattr(shop, "conveyor", fake_conveyor)
    return fake_conveyor


@pytest.fixture
def mails(monkeypatch):
    sent = []
    monkeypatch.setattr(shop, "send", lambda *mail: sent.append(mail))
    return sent


@pytest.fixture
def ada(fake):
    client = TestClient(shop.app)
    client.auth = ("ada", "lovelace")
    return client


def send_invoice(client, key):
    headers = {"Idempotency-Key": key, "Content-Type": "application/octet-stream"}
    answer = client.post("/invoices/bill.docx", content=b"words", headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["invoice"]


def test_invoice_in_mail_out(fake, ada, mails):
    number = send_invoice(ada, "first")
    fake.assert_enqueued(to="pdf", source="bill.docx", metadata={"invoice": number})
    assert ada.get(f"/invoices/{number}").json()["state"] == "queued"

    fake.succeed(fake.enqueued[0], files={"bill.pdf": b"%PDF of the bill"})
    assert mails == [("ada@example.com", f"here is your invoice {number}", b"%PDF of the bill")]
    assert ada.get(f"/invoices/{number}/pdf").content == b"%PDF of the bill"


def test_invoice_of_another_customer_is_not_found(fake, ada):
    number = send_invoice(ada, "private")
    fake.succeed(fake.enqueued[0])

    assert ada.get(f"/invoices/{number}", auth=("bob", "builder")).status_code == 404
    assert ada.get(f"/invoices/{number}/pdf", auth=("bob", "builder")).status_code == 404


def test_double_click_is_paid_once(fake, ada, mails):
    assert send_invoice(ada, "click") == send_invoice(ada, "click")

    (enqueued,) = fake.enqueued
    fake.succeed(enqueued)
    fake.assert_paid(1)
    assert len(mails) == 1


def test_customer_is_asked_for_the_password(fake, ada, mails):
    number = send_invoice(ada, "locked")
    fake.fail(fake.enqueued[0], Reason.PASSWORD)
    shown = ada.get(f"/invoices/{number}", headers={"Accept-Language": "de"}).json()
    assert (shown["state"], shown["wants_password"]) == ("failed", True)
    assert shown["failure"] == Reason.PASSWORD.sentence("de")
    assert Reason.PASSWORD.advice() in mails.pop()[1]

    headers = {"Idempotency-Key": "unlock"}
    ada.post(f"/invoices/{number}/password", json={"password": "sesame"}, headers=headers)
    again = fake.assert_enqueued(source="bill.docx", params={"Password": "sesame"})
    fake.succeed(again)
    assert ada.get(f"/invoices/{number}").json()["state"] == "succeeded"
    assert mails[0][1] == f"here is your invoice {number}"


def test_pdf_is_removed_after_a_week(fake, ada):
    number = send_invoice(ada, "old")
    fake.succeed(fake.enqueued[0])
    fake.advance(WEEK_S - 60)
    assert ada.get(f"/invoices/{number}/pdf").status_code == 200

    fake.advance(120)
    assert ada.get(f"/invoices/{number}/pdf").status_code == 410
