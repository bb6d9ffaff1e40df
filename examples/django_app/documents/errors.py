"""Conveyor's errors in the visitor's words; the operator's are for the log."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from conveyor import ConveyorError, InvalidRequest, UnknownConversion


class Explain:
    """Middleware that answers what a view raised."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the view answer."""
        return self._get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an error of Conveyor's; others are Django's to tell."""
        match error:
            case InvalidRequest():
                return JsonResponse({"detail": str(error)}, status=422)
            case UnknownConversion():
                return JsonResponse({"detail": "There is no such conversion."}, status=404)
            case ConveyorError():
                return JsonResponse({"detail": "Not just now: try again in a minute."}, status=503)
        return None
