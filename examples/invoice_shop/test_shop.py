"""The shop's tests: a real server, and the stack that `make up` has started."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
import requests
import uvicorn

os.environ["SHOP_DATABASE"] = ":memory:"
import shop

ADA, BOB = ("ada", "lovelace"), ("bob", "builder")
SANDBOX_URL = os.environ["SANDBOX_URL"]


@pytest.fixture(scope="session")
def site():
    server = uvicorn.Server(uvicorn.Config(shop.app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "The server did not start."
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def order(site, item="A chair", key=None):
    answer = requests.post(
        f"{site}/orders",
        json={"item": item, "cents": 4900},
        headers={"Idempotency-Key": key or str(uuid4())},
        auth=ADA,
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def invoice_at_its_end(site, placed):
    for _look in range(600):
        invoice = requests.get(site + placed["invoice"], auth=ADA, timeout=60).json()
        if invoice["state"] not in ("queued", "converting", "ready"):
            return invoice
        time.sleep(0.2)
    raise AssertionError(f"The invoice is still {invoice['state']}.")


def test_order_becomes_a_pdf(site):
    invoice = invoice_at_its_end(site, order(site))
    pdf = requests.get(site + invoice["pdf"], auth=ADA, timeout=60)

    assert (invoice["state"], invoice["fraction"]) == ("succeeded", 1)
    assert pdf.content.startswith(b"%PDF")
    assert int(pdf.headers["Content-Length"]) == len(pdf.content)


def test_invoice_of_another_customer_is_not_found(site):
    placed = order(site)
    invoice_at_its_end(site, placed)
    answers = [
        requests.get(site + placed["invoice"] + ending, auth=BOB, timeout=60)
        for ending in ("", ".pdf")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


def paid():
    return requests.get(f"{SANDBOX_URL}/_audit", timeout=60).json()["paid"]


def test_double_click_costs_once(site):
    before, key = paid(), str(uuid4())
    with ThreadPoolExecutor() as clicks:
        first, second = clicks.map(lambda _: order(site, key=key), range(2))

    assert first == second
    assert invoice_at_its_end(site, first)["state"] == "succeeded"
    assert paid() == before + 1


@contextmanager
def faults(**rates):
    """Let the sandbox do something wrong, at a rate from 0 to 1."""
    requests.post(f"{SANDBOX_URL}/_faults", json=rates, timeout=60)
    try:
        yield
    finally:
        requests.post(f"{SANDBOX_URL}/_faults", json={}, timeout=60)


def test_failed_invoice_is_told_in_the_customers_words(site):
    with faults(error_5001=1):
        invoice = invoice_at_its_end(site, order(site))

    assert (invoice["state"], invoice["pdf"]) == ("failed", None)
    assert invoice["failure"] == "This file could not be converted."


def test_mail_names_the_pdf(site, capsys):
    placed = order(site)
    invoice_at_its_end(site, placed)
    invoice_id = shop.order_of("ada", placed["order"]).invoice_id
    shop.mail(shop.conveyor.get(invoice_id).to_dict(), "ada@example.com")

    assert capsys.readouterr().out.startswith("To ada@example.com: your statement, ")
