"""Every address of the site. Pages and API operations are registered with their permission (`workspaces.routes`)."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
