"""The settings of the project with one more path: the list view that `directory.py` compares with."""

from authsite.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.peer"
