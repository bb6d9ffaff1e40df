"""The addresses."""

from django.urls import path

from documents import views

urlpatterns = [
    path("", views.page),
    path("conversions", views.convert),
    path("conversions/<conversion_id>", views.status, name="status"),
    path("conversions/<conversion_id>/files/<name>", views.download, name="download"),
]
