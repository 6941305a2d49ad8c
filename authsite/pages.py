"""The project's own pages: what is served here, and whether it is well."""

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET /: what is served, with links."""
    return render(request, "authsite/home.html", {"public_url": settings.PUBLIC_URL})


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """GET /readyz: 200 when database, migrations and cache are ready, else 503; which one is not, without details."""
    checks = {"database": _database, "migrations": _migrations, "cache": _cache}
    found = {}
    for name, is_ready in checks.items():
        try:
            found[name] = is_ready()
        except Exception:  # noqa: BLE001 - whatever is wrong, it is not ready
            found[name] = False
    ready = all(found.values())
    words = {name: "ok" if good else "not ready" for name, good in found.items()}
    response = JsonResponse({"status": "ok" if ready else "not ready", **words}, status=200 if ready else 503)
    response["Cache-Control"] = "no-store"
    return response


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache() -> bool:
    caches["default"].set("readyz", 1, 5)
    return caches["default"].get("readyz") == 1
