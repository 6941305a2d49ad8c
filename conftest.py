"""What every test starts from, and the servers and browsers that some ask for."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import caches
from playwright.sync_api import Page, sync_playwright
from pytest_django import Settings

from accounts.services import counters, lockout
from authsite.tests.live import Database, Server, manage
from tokens.services import keys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# A slow machine is no failure.
hypothesis.settings.register_profile("authsite", deadline=None)
hypothesis.settings.load_profile("authsite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "page" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if CHROMIUM is None and item.get_closest_marker("browser"):
        pytest.skip("no chromium on this machine (apt-get install chromium)")


@pytest.fixture(autouse=True)
def _nothing_left_from_another_test(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    for cache in caches.all():
        cache.clear()
    # The database forgets by itself; Valkey and this process's memory of either do not.
    counters.forget()
    keys.forget()
    lockout.forget()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Return a database with every migration applied and nothing else: copy it, do not use it."""
    database = Database(tmp_path_factory.mktemp("migrated"))
    manage("migrate", "--noinput", DATABASE_URL=database.url)
    yield database
    database.drop()


@pytest.fixture
def serve(migrated_database: Database, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return what starts a server over a new database, its arguments being settings: `serve(RATE_LIMITS="off")`."""
    started: list[tuple[Server, Database]] = []

    def start(**environment: str) -> Server:
        database = Database(tmp_path, migrated_database)
        server = Server(tmp_path, database, **environment)
        started.append((server, database))
        server.start()
        return server

    yield start
    for server, database in started:
        server.kill9()
        database.drop()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """Return a server of two workers over a new database, with the settings that every test has."""
    return serve()


@pytest.fixture
def page() -> Iterator[Page]:
    """Return an empty page of the machine's own Chromium, which asks the network for nothing by itself.

    Playwright's event loop runs in the test's thread, so Django refuses the ORM meanwhile: a browser test prepares its
    data through `server`. One Chromium for the whole session would keep that loop under every later test.
    """
    quiet = "background-networking component-update default-apps sync quic gpu"
    flags = [f"--disable-{feature}" for feature in quiet.split()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run", *flags])
        yield browser.new_page()
        browser.close()
