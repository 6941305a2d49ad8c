"""Statements are the ORM's own; what is written by hand, or filtered by names that vary, is listed here."""

import ast

from authsite.tests.live import ROOT

APPS = ("accounts", "authsite", "oauth_providers", "profiles", "tokens")
RAW = {"raw", "extra", "RawSQL", "cursor", "execute", "executemany", "mogrify"}
FILTERS = {
    *("filter", "exclude", "get", "Q", "update", "get_or_create", "update_or_create"),
    *("annotate", "alias", "aggregate", "order_by", "values", "values_list"),
}
# Where, what, and how each is known to hold no text of a caller.
LISTED = {
    ("accounts/services/counters.py", "cursor"): "statements that stand in the module, with parameters",
    ("accounts/services/counters.py", "execute"): "the same",
    ("accounts/statements.py", "cursor"): "statements that the ORM has compiled, kept with places for parameters",
    ("accounts/statements.py", "execute"): "the same",
    ("authsite/pages.py", "cursor"): "SELECT 1",
    ("authsite/pages.py", "execute"): "SELECT 1",
    ("accounts/admin/catalogue.py", "filter(**)"): "the admin's own relation",
    ("accounts/management/commands/events.py", "filter(**)"): "the command's own options",
    ("accounts/models.py", "update(**)"): "names of columns that services and the admin give",
    ("accounts/services/registration.py", "filter(**)"): "the column of a kind of identifier",
    ("oauth_providers/services/authorization.py", "update(**)"): "columns named in that module",
    ("profiles/services/editing.py", "update(**)"): "fields that a serializer knows",
    ("tokens/services/resolving.py", "filter(**)"): "columns that the formats name",
    ("tokens/services/revocation.py", "filter(**)"): "columns named in that module",
}


def calls():
    """Every call in the source, with its file and the name it is called by."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                        yield str(path.relative_to(ROOT)), name, node


def test_what_is_no_plain_call_of_the_orm_is_listed():
    found = set()
    for path, name, node in calls():
        if name in RAW:
            found.add((path, name))
        if name in FILTERS and any(keyword.arg is None for keyword in node.keywords):
            found.add((path, f"{name}(**)"))
    assert found == set(LISTED)


def test_no_statement_is_put_together_where_it_is_executed():
    for path, name, node in calls():
        if name in ("execute", "executemany", "raw", "RawSQL"):
            statement = node.args[0]
            assert isinstance(statement, ast.Constant | ast.Name | ast.Attribute), (path, ast.unparse(node))
