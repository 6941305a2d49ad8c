"""Every path: those of the four apps as the contract prints them, the admin, the documents, and our own pages."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from authsite import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", pages.healthz),
    path("readyz", pages.readyz),
    path("admin/", admin.site.urls),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="openapi", template_name="authsite/docs.html"),
        name="docs",
    ),
    path("", include("accounts.urls")),
    path("", include("tokens.urls")),
    path("", include("profiles.urls")),
    path("", include("oauth_providers.urls")),
]

handler400 = "accounts.dialects.refusals.bad_request"
handler403 = "accounts.dialects.refusals.permission_denied"
handler404 = "accounts.dialects.refusals.page_not_found"
handler500 = "accounts.dialects.refusals.server_error"
