"""The regression test's settings apply to the notebooks, which lie outside tests/, so pytest is told of them here."""

pytest_plugins = ["tests.nbval_settings"]
