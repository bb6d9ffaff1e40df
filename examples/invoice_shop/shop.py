"""An invoice shop: a customer orders, watches the invoice, and downloads it as a PDF."""

import os
import secrets
import sqlite3
from dataclasses import dataclass
from html import escape
from typing import Annotated, Any

from celery import Celery
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from conveyor import Conversion, Conveyor, ConveyorError, InvalidRequest, UnknownConversion

broker = os.environ["CONVEYOR_BROKER_URL"]
celery = Celery("shop", broker=broker, backend=broker)
conveyor = Conveyor.from_env(celery_app=celery)
app = FastAPI(title="Invoice shop")

database = sqlite3.connect(
    os.environ.get("SHOP_DATABASE", "shop.db"), isolation_level=None, check_same_thread=False
)
database.execute(
    """CREATE TABLE IF NOT EXISTS orders (
        number INTEGER PRIMARY KEY, customer TEXT, key TEXT, item TEXT, cents INTEGER,
        invoice_id TEXT DEFAULT '', UNIQUE (customer, key))"""
)


@dataclass(frozen=True)
class Order:
    """One row of the table."""

    number: int
    customer: str
    key: str
    item: str
    cents: int
    invoice_id: str


class NewOrder(BaseModel):
    """What a customer sends to place an order."""

    item: str
    cents: int


PASSWORDS = {"ada": "lovelace", "bob": "builder"}


def signed_in(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    """Return the name of the customer who asks."""
    password = PASSWORDS.get(credentials.username, "")
    shown = credentials.password.encode()
    if not password or not secrets.compare_digest(password.encode(), shown):
        raise HTTPException(401, "Wrong name or password.", {"WWW-Authenticate": "Basic"})
    return credentials.username


Customer = Annotated[str, Depends(signed_in)]


def order_of(customer: str, number: int) -> Order:
    """Find an order among the customer's own; another customer's is not found."""
    found = database.execute(
        "SELECT * FROM orders WHERE customer = ? AND number = ?", (customer, number)
    ).fetchone()
    if found is None:
        raise HTTPException(404, "You have no such order.")
    return Order(*found)


def invoice_page(order: Order) -> bytes:
    """Write the invoice as a web page."""
    return f"""<!doctype html>
<html><head><meta charset="utf-8"><title>Invoice {order.number}</title></head>
<body>
<h1>Invoice {order.number}</h1>
<p>For {escape(order.customer)}</p>
<table><tr><td>{escape(order.item)}</td><td>{order.cents / 100:.2f} €</td></tr></table>
</body></html>""".encode()


def stored(new: NewOrder, customer: str, key: str) -> Order:
    """Store an order, or find the one that this key has made already."""
    database.execute(
        "INSERT OR IGNORE INTO orders (customer, key, item, cents) VALUES (?, ?, ?, ?)",
        (customer, key, new.item, new.cents),
    )
    found = database.execute(
        "SELECT * FROM orders WHERE customer = ? AND key = ?", (customer, key)
    ).fetchone()
    return Order(*found)


@app.post("/orders", status_code=202)
def place_order(
    new: NewOrder, customer: Customer, idempotency_key: Annotated[str, Header()]
) -> dict[str, Any]:
    """Take an order, and enqueue its invoice."""
    order = stored(new, customer, idempotency_key)
    page = conveyor.stage(f"invoice-{order.number}.html", [invoice_page(order)])
    handle = conveyor.convert(page, to="pdf", idempotency_key=f"{customer}-{idempotency_key}")
    database.execute("UPDATE orders SET invoice_id = ? WHERE number = ?", (handle.id, order.number))
    return {"order": order.number, "invoice": f"/orders/{order.number}/invoice"}


@app.get("/orders/{number}/invoice")
def show_invoice(
    number: int, customer: Customer, accept_language: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """Tell how the invoice stands, and what went wrong in the customer's language."""
    found = conveyor.status(order_of(customer, number).invoice_id)
    conversion = found.conversion
    return {
        "state": conversion.state,
        "fraction": found.progress.fraction,
        "failure": conversion.failure and conversion.failure.sentence(accept_language),
        "pdf": f"/orders/{number}/invoice.pdf" if conversion.files else None,
    }


@app.get("/orders/{number}/invoice.pdf")
def download_invoice(number: int, customer: Customer) -> StreamingResponse:
    """Stream the invoice from the storage."""
    conversion = conveyor.get(order_of(customer, number).invoice_id)
    if not conversion.files:
        raise HTTPException(409, f"The invoice is {conversion.state}.")
    pdf = conversion.files[0]
    headers = {
        "Content-Disposition": f'attachment; filename="{pdf.name}"',
        "Content-Length": str(pdf.size),
    }
    content = conveyor.storage.read(pdf.uri)
    return StreamingResponse(content, media_type="application/pdf", headers=headers)


@app.exception_handler(ConveyorError)
def explain(_request: Request, error: ConveyorError) -> JSONResponse:
    """Say it in the customer's words."""
    match error:
        case InvalidRequest():
            return JSONResponse({"detail": str(error)}, 422)
        case UnknownConversion():
            return JSONResponse({"detail": "There is no invoice yet. Send the order again."}, 404)
    return JSONResponse({"detail": "Not just now. Try again in a minute."}, 503)


def statement_page(customer: str) -> bytes:
    """Write all orders of a customer as a web page."""
    found = database.execute("SELECT * FROM orders WHERE customer = ?", (customer,))
    rows = "".join(
        f"<tr><td>{order.number}</td><td>{escape(order.item)}</td>"
        f"<td>{order.cents / 100:.2f} €</td></tr>"
        for order in (Order(*row) for row in found)
    )
    return f"<!doctype html><h1>Orders of {escape(customer)}</h1><table>{rows}</table>".encode()


@app.post("/statement", status_code=202)
def order_statement(customer: Customer) -> dict[str, str]:
    """Mail the customer a statement of all orders."""
    page = conveyor.stage(f"statement-{customer}.html", [statement_page(customer)])
    address = f"{customer}@example.com"
    conveyor.signature(page, to="pdf").apply_async(
        link=mail.s(address), link_error=apologise.s(address)
    )
    return {"mail": address}


@celery.task
def mail(result: dict[str, Any], address: str) -> None:
    """Mail a statement; Conveyor calls it with the result of the conversion."""
    pdf = Conversion.from_dict(result).files[0]
    print(f"To {address}: your statement, {pdf.size} bytes, is at {pdf.uri}")


@celery.task
def apologise(conversion_id: str, address: str) -> None:
    """Mail that it failed; Conveyor calls it with the id of the conversion."""
    print(f"To {address}: your statement failed. Quote {conversion_id} to us.")
