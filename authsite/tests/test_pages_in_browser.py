"""Our pages in a real browser: what a test client cannot see (scripts, styles, the Origin of a form)."""

import json
import os
import subprocess
import sys

import pytest

from authsite.tests.live import ROOT

pytestmark = pytest.mark.once

PASSWORD = "Correct-horse1"


def make(server, name, *arguments):
    made = subprocess.run(
        [sys.executable, "manage.py", "create_user", name, "--json", *arguments],
        cwd=ROOT,
        env=os.environ | server.environment,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(made.stdout)["id"]


@pytest.fixture(scope="module")
def server(serve_all):
    server = serve_all()
    make(server, "root", "--superuser", "--role", "author", "--role", "editor")
    return server


@pytest.fixture
def complaints(page):
    """What the browser's console says is wrong: a style or script that the policy forbids, above all."""
    found = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def sign_in(page, server, name):
    page.goto(f"{server.url}/admin/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")


def test_no_page_of_ours_breaks_its_own_policy_or_asks_another_host(server, page, complaints):
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "://" in request.url else None)
    page.goto(server.url, wait_until="networkidle")

    page.goto(f"{server.url}/docs/", wait_until="networkidle")
    page.get_by_text("/account/login/check", exact=True).first.click()
    page.get_by_text("Try it out").first.click()
    page.get_by_placeholder("login").fill("ivan")
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table .response-col_status", has_text="200").wait_for()

    sign_in(page, server, "root")
    links = page.locator("#content-main th a, #content-main .addlink")
    addresses = [link.get_attribute("href") for link in links.all()]
    assert len(addresses) > 8
    for address in addresses:
        page.goto(server.url + address)
    page.goto(f"{server.url}/admin/accounts/user/")
    page.locator("#result_list th a").first.click()
    page.locator("#content form").first.wait_for()
    assert complaints == []
    assert hosts == {server.url.split("/")[2]}


def test_the_first_page_fits_a_narrow_screen(server, page):
    page.set_viewport_size({"width": 400, "height": 700})
    page.goto(server.url)
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_a_superuser_deactivates_an_account_and_gives_it_a_role(server, page, complaints):
    pk = make(server, "ivan", "--role", "author")
    sign_in(page, server, "root")
    assert page.locator("#user-tools").inner_text().lower().startswith("welcome, root")

    page.goto(f"{server.url}/admin/accounts/user/?q=iva")
    page.click("text=ivan")
    page.locator(".field-roles .select2-container").click()
    page.keyboard.type("edi")
    page.click(".select2-results__option >> text=editor")
    page.click("input[name=_continue]")
    assert "was changed successfully" in page.locator(".messagelist").inner_text()

    page.click(".object-tools >> text=Deactivate")
    page.click("input[type=submit][value=Deactivate]")
    assert page.locator(".messagelist").inner_text().strip() == "“ivan”: deactivated."
    shown = json.loads(server.manage("show_user", f"id/{pk}", "--json"))
    assert (shown["roles"], shown["is_active"]) == (["author", "editor"], False)
    assert complaints == []


def test_limited_staff_see_no_more_than_they_may_do(server, page, complaints):
    make(server, "helper", "--staff")
    sign_in(page, server, "helper")
    assert "You don’t have permission to view or edit anything" in page.locator("#content").inner_text()
    make_helper_view_users(server)
    page.goto(f"{server.url}/admin/accounts/user/?q=root")
    page.click("#result_list >> text=root")
    assert page.locator("input[name=_save]").count() == 0
    assert page.locator(".object-tools").inner_text().split() == ["HISTORY"]
    assert complaints == []


def make_helper_view_users(server):
    statement = (
        "from django.contrib.auth.models import Permission; from accounts.models import User; "
        "User.objects.get(username='helper').user_permissions.add(Permission.objects.get(codename='view_user'))"
    )
    server.manage("shell", "-c", statement)


def test_a_new_account_and_a_token_that_is_shown_once(server, page, complaints):
    sign_in(page, server, "root")
    page.goto(f"{server.url}/admin/accounts/user/add/")
    page.fill("#id_username", "pyotr")
    page.fill("#id_password1", "Another-horse2")
    page.fill("#id_password2", "Another-horse2")
    page.click("input[name=_save]")
    assert page.locator("#id_username").input_value() == "pyotr"

    page.goto(f"{server.url}/admin/accounts/application/add/")
    page.fill("#id_url", "https://site.example")
    page.fill("#id_name", "Site")
    page.click("input[name=_save]")
    token = page.locator("#token").inner_text()
    assert len(token) == 43
    page.click("text=To the application")
    assert token not in page.content()
    assert complaints == []


def test_a_wrong_password_shows_djangos_own_error(server, page):
    page.goto(f"{server.url}/admin/")
    page.fill("#id_username", "root")
    page.fill("#id_password", "wrong")
    page.click("input[type=submit]")
    assert (
        "Please enter the correct user name and password for a staff account" in page.locator(".errornote").inner_text()
    )
