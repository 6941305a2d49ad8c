"""What every test starts from, and the servers and browsers that some ask for."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import Settings

from authsite.tests.live import Database, Server, manage
from authsite.tests.undoing import forget

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# A slow machine is no failure.
hypothesis.settings.register_profile("authsite", deadline=None)
hypothesis.settings.load_profile("authsite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "page" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if connection.vendor == "postgresql" and item.get_closest_marker("once"):
        pytest.skip("the same on every database: run on SQLite")
    if CHROMIUM is None and item.get_closest_marker("browser"):
        pytest.skip("no chromium on this machine (apt-get install chromium)")


@pytest.fixture(autouse=True)
def _nothing_left_from_another_test(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    # A folder that is there as soon as somebody writes to it: few tests do.
    settings.MEDIA_ROOT = str(tmp_path_factory.getbasetemp() / "media" / uuid.uuid4().hex)
    # Static files are found as they are asked for: else every new client reads them all before its first call.
    settings.WHITENOISE_AUTOREFRESH = True
    forget()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Return a database with every migration applied and nothing else: copy it, do not use it."""
    database = Database(tmp_path_factory.mktemp("migrated"))
    manage("migrate", "--noinput", DATABASE_URL=database.url)
    yield database
    database.drop()


@contextmanager
def _servers(migrated_database: Database, folder: Path) -> Iterator[Callable[..., Server]]:
    started: list[tuple[Server, Database]] = []

    def start(**environment: str) -> Server:
        database = Database(folder, migrated_database)
        server = Server(folder, database, **environment)
        started.append((server, database))
        server.start()
        return server

    yield start
    for server, database in started:
        server.kill9()
        database.drop()


@pytest.fixture
def serve(migrated_database: Database, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return what starts a server over a new database, its arguments being settings: `serve(RATE_LIMITS="off")`."""
    with _servers(migrated_database, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_all(migrated_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return the same for a server that all tests of a module share: each has accounts of its own there."""
    with _servers(migrated_database, tmp_path_factory.mktemp("served")) as start:
        yield start


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """Return a server of two workers over a new database, with the settings that every test has."""
    return serve()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return the machine's own Chromium, which asks the network for nothing by itself.

    Playwright's event loop runs in the tests' thread, so Django refuses the ORM as long as this stands: a module of
    browser tests has no others, and prepares its data through a server.
    """
    quiet = "background-networking component-update default-apps sync quic gpu"
    flags = [f"--disable-{feature}" for feature in quiet.split()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run", *flags])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return an empty page, without the cookies of any other."""
    with chromium.new_context() as context:
        yield context.new_page()
