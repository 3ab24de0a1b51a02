"""The regression test's settings apply to the notebooks, which lie outside tests/, so pytest is told of them here."""

# The students' versions are unsolved; tests/test_exercises.py runs them.
collect_ignore = ["notebooks/exercises"]
pytest_plugins = ["tests.nbval_settings"]
