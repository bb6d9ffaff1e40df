"""The views."""

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from tasks import conveyor
from tasks.mail import send_apology, send_links


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The form."""
    return render(request, "page.html")


@require_POST
def convert(request: HttpRequest) -> HttpResponse:
    """Take a document; enqueue its conversion, and a mail after it if the visitor wants one."""
    document = request.FILES.get("document")
    if document is None:
        return JsonResponse({"detail": "Choose a document."}, status=422)
    staged = conveyor.stage(document.name, document.chunks())
    address, site = request.POST.get("address"), request.build_absolute_uri("/")
    handle = conveyor.convert(
        staged,
        to="pdf",
        idempotency_key=request.POST.get("key"),
        on_success=send_links.s(address, site) if address else None,
        on_failure=send_apology.s(address) if address else None,
    )
    return JsonResponse({"id": handle.id, "mail": address}, status=202)


@require_GET
def status(request: HttpRequest, conversion_id: str) -> HttpResponse:
    """The conversion as it stands."""
    found = conveyor.status(conversion_id)
    conversion = found.conversion
    failure, language = conversion.failure, request.headers.get("Accept-Language", "")
    return JsonResponse(
        {
            "state": conversion.state,
            "over": conversion.state.is_final,
            "fraction": found.progress.fraction,
            "files": [file.name for file in conversion.files],
            "failure": failure and f"{failure.sentence(language)} {failure.advice(language)}",
        }
    )


@require_GET
def download(_request: HttpRequest, conversion_id: str, name: str) -> HttpResponseBase:
    """A result, streamed from the storage."""
    conversion = conveyor.get(conversion_id)
    file = next((file for file in conversion.files if file.name == name), None)
    if file is None:
        raise Http404
    headers = {
        "Content-Disposition": content_disposition_header(True, file.name),
        "Content-Length": str(file.size),
    }
    content = conveyor.storage.read(file.uri)
    return StreamingHttpResponse(content, content_type="application/octet-stream", headers=headers)
