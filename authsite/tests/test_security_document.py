"""`docs/security.md` names tests that exist, and leaves no requirement out."""

import ast
import re

from authsite.tests.live import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()


def test_every_test_it_names_exists():
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 100
    known = {
        path: {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        for path in {path for path, _ in named}
    }
    assert [f"{path}::{name}" for path, name in named if name not in known[path]] == []


def test_every_requirement_has_its_row_and_a_proof_or_a_reason():
    rows = re.findall(r"^\| ([SR]\d+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"S{n}" for n in range(1, 91)] + [f"R{n}" for n in range(1, 17)]


def test_every_setting_it_names_exists():
    settings = re.findall(r"`([A-Z][A-Z_]{5,})(?:=\w+)?`", TEXT)
    example = (ROOT / ".env.example").read_text()
    assert [name for name in settings if name not in example] == []
