import json
from pathlib import Path

import django
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory


def check(page):
    # Once in a process.
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["testserver"])
    django.setup()
    document = SimpleUploadedFile("report.docx", Path("report.docx").read_bytes())
    answer = page.convert(RequestFactory().post("/", {"document": document}))
    conversion_id = json.loads(answer.content)["id"]
    page.conveyor.handle(conversion_id).wait(timeout=120)
    status = page.status(RequestFactory().get("/"), conversion_id)

    assert answer.status_code == 202
    assert json.loads(status.content) == {"state": "succeeded", "fraction": 1.0}
