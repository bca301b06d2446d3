"""Every address of the site. Pages and API operations are registered with their permission (`workspaces.routes`)."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from windmill_site import design
from windmill_site.api import make_api
from workspaces import views_login
from workspaces.routes import Role, page, tree

# One login, logout and password for pages and the admin site.
_to_account = RedirectView.as_view(pattern_name="account")

urlpatterns = [
    path("api/", make_api().urls),
    page("admin/login/", views_login.admin_login, name="admin-login", role=Role.PUBLIC),
    page("admin/logout/", views_login.logout, name="admin-logout", role=Role.LOGIN),
    page("admin/password_change/", _to_account, name="admin-password", role=Role.LOGIN),
    tree("admin/", admin.site.urls, role=Role.SUPERADMIN),
    path("", include("workspaces.urls")),
    path("", include("workers.urls")),
    path("", include("scripts_app.urls")),
]
if settings.DEBUG:
    urlpatterns += [
        page("design/", design.design, name="design", role=Role.PUBLIC),
        page("design/more", design.more, name="design-more", role=Role.PUBLIC),
    ]

handler400 = "workspaces.error_pages.bad_request"
handler403 = "workspaces.error_pages.permission_denied"
handler404 = "workspaces.error_pages.not_found"
handler500 = "workspaces.error_pages.server_error"
