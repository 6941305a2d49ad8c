"""The benchmarks run."""

import os
import subprocess
import sys

from authsite.tests.live import ROOT, Database


def test_the_directorys(tmp_path):
    database = Database(tmp_path)
    command = [sys.executable, "benchmarks/directory.py", "--given", "this one", "--sizes", "3", "--rounds", "1"]
    environment = os.environ | {"DATABASE_URL": database.url}
    try:
        printed = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        database.drop()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.stdout.splitlines()]
    assert [row[:3] for row in rows] == [["this one", "3", "authsite"], ["this one", "3", "plain list view"]]
    assert [row[-1] for row in rows] == ["3", "3"]
