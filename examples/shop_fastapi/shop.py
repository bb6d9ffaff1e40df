"""A shop that takes invoices as documents, and mails them as PDFs."""

import os
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Annotated, Any

from celery import Celery
from fastapi import Body, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from conveyor import (
    Conversion,
    Conveyor,
    ConveyorError,
    InvalidRequest,
    Remedy,
    UnknownConversion,
)

broker = os.environ.get("CONVEYOR_BROKER_URL", "redis://127.0.0.1:6379/0")
celery = Celery("shop", broker=broker, backend=broker)
conveyor = Conveyor.from_env(celery_app=celery)
app = FastAPI(title="Shop")
database = sqlite3.connect(
    os.environ.get("SHOP_DATABASE", "shop.db"), isolation_level=None, check_same_thread=False
)
database.execute(
    """CREATE TABLE IF NOT EXISTS invoices (
        number INTEGER PRIMARY KEY, customer TEXT, key TEXT, name TEXT, document BLOB,
        conversion_id TEXT DEFAULT '', UNIQUE (customer, key))"""
)


@dataclass(frozen=True)
class Invoice:
    """One row of the table."""

    number: int
    customer: str
    key: str
    name: str
    document: bytes
    conversion_id: str


PASSWORDS = {"ada": "lovelace", "bob": "builder"}


def signed_in(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    """Return the name of the customer who asks."""
    password = PASSWORDS.get(credentials.username, "")
    shown = credentials.password.encode()
    if not password or not secrets.compare_digest(password.encode(), shown):
        raise HTTPException(401, "Wrong name or password.", {"WWW-Authenticate": "Basic"})
    return credentials.username


Customer = Annotated[str, Depends(signed_in)]
Key = Annotated[str, Header(alias="Idempotency-Key")]


def invoice_of(customer: str, number: int) -> Invoice:
    """Find an invoice among the customer's own; another customer's is not found."""
    found = database.execute(
        "SELECT * FROM invoices WHERE customer = ? AND number = ?", (customer, number)
    ).fetchone()
    if found is None:
        raise HTTPException(404, "You have no such invoice.")
    return Invoice(*found)


def stored(customer: str, key: str, name: str, document: bytes) -> Invoice:
    """Store an invoice, or find the one that this key has made already."""
    database.execute(
        "INSERT OR IGNORE INTO invoices (customer, key, name, document) VALUES (?, ?, ?, ?)",
        (customer, key, name, document),
    )
    found = database.execute(
        "SELECT * FROM invoices WHERE customer = ? AND key = ?", (customer, key)
    ).fetchone()
    return Invoice(*found)


def convert(invoice: Invoice, key: str, **params: str) -> None:
    """Enqueue an invoice's conversion, once for each key, and remember its id."""
    handle = conveyor.convert(
        conveyor.stage(invoice.name, [invoice.document]),
        to="pdf",
        params=params,
        idempotency_key=f"{invoice.customer}-{key}",
        metadata={"invoice": invoice.number},
        keep="7d",
        on_success=mail.s(f"{invoice.customer}@example.com"),
        on_failure=apologise.s(f"{invoice.customer}@example.com"),
    )
    database.execute(
        "UPDATE invoices SET conversion_id = ? WHERE number = ?", (handle.id, invoice.number)
    )


@app.post("/invoices/{name}", status_code=202)
def send_invoice(
    name: str,
    document: Annotated[bytes, Body(media_type="application/octet-stream")],
    customer: Customer,
    key: Key,
) -> dict[str, Any]:
    """Take an invoice, and enqueue its conversion."""
    invoice = stored(customer, key, name, document)
    if not invoice.conversion_id:
        convert(invoice, key)
    return {"invoice": invoice.number}


@app.get("/invoices/{number}")
def show_invoice(
    number: int, customer: Customer, accept_language: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """Tell how an invoice stands, and what went wrong in the customer's language."""
    status = conveyor.status(invoice_of(customer, number).conversion_id)
    failure = status.conversion.failure
    shown = {"state": status.conversion.state, "fraction": status.progress.fraction}
    if failure is not None:
        shown["failure"] = failure.sentence(accept_language)
        shown["advice"] = failure.advice(accept_language)
        shown["wants_password"] = Remedy.GIVE_PASSWORD in failure.remedies
    return shown


@app.get("/invoices/{number}/pdf")
def download_invoice(number: int, customer: Customer) -> StreamingResponse:
    """Stream the PDF from the storage."""
    conversion = conveyor.get(invoice_of(customer, number).conversion_id)
    if not conversion.files:
        raise HTTPException(409, f"The invoice is {conversion.state}.")
    pdf = conversion.files[0]
    if pdf.removed_at is not None:
        raise HTTPException(410, "The PDF is kept for a week. Send the invoice again.")
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
            return JSONResponse({"detail": "It is no longer kept. Send the invoice again."}, 404)
    return JSONResponse({"detail": "Not just now. Try again in a minute."}, 503)


def send(address: str, text: str, content: bytes = b"") -> None:
    """Send a mail. This one prints."""
    print(f"To {address}: {text} ({len(content)} bytes)")


@celery.task
def mail(result: dict[str, Any], address: str) -> None:
    """Mail an invoice; Conveyor calls it with the result of the conversion."""
    conversion = Conversion.from_dict(result)
    content = b"".join(conveyor.storage.read(conversion.files[0].uri))
    send(address, f"here is your invoice {conversion.metadata['invoice']}", content)


@celery.task
def apologise(conversion_id: str, address: str) -> None:
    """Mail what went wrong; Conveyor calls it with the id of the conversion."""
    conversion = conveyor.get(conversion_id)
    if conversion.failure is not None:
        failure, number = conversion.failure, conversion.metadata["invoice"]
        send(address, f"your invoice {number}: {failure.sentence()} {failure.advice()}")


@app.post("/invoices/{number}/password", status_code=202)
def give_password(
    number: int, password: Annotated[str, Body(embed=True)], customer: Customer, key: Key
) -> dict[str, Any]:
    """Convert an invoice again, with the password that it asks for."""
    convert(invoice_of(customer, number), key, Password=password)
    return {"invoice": number}
