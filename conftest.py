"""The regression test's settings apply to the notebooks, which lie outside tests/, so pytest is told of them here."""

import sys

# The students' versions are unsolved; tests/test_exercises.py runs them.
collect_ignore = ["notebooks/exercises"]
if sys.platform != "linux":
    collect_ignore.append("tests/test_grading.py")  # bubblewrap is a program for Linux
pytest_plugins = ["tests.nbval_settings"]
