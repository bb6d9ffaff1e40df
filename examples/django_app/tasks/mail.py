"""The mails that end a conversion."""

from typing import Any
from urllib.parse import urljoin

from django.core.mail import send_mail
from django.urls import reverse

from conveyor import Conversion
from tasks import app, conveyor


@app.task
def send_links(result: dict[str, Any], address: str, site: str) -> None:
    """Mail where the files are; called with the result of the conversion."""
    conversion = Conversion.from_dict(result)
    links = [
        urljoin(site, reverse("download", args=(conversion.id, file.name)))
        for file in conversion.files
    ]
    send_mail("Your document is ready", "\n".join(links), None, [address])


@app.task
def send_apology(conversion_id: str, address: str) -> None:
    """Mail why it failed; called with the conversion's id."""
    conversion = conveyor.get(conversion_id)
    if conversion.failure is not None:
        text = f"{conversion.failure.sentence()} {conversion.failure.advice()}"
        send_mail(f"{conversion.source_name} was not converted", text, None, [address])
