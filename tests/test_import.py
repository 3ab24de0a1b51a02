"""Importing physnets is quick, because every library waits until it is needed."""

import subprocess
import sys
import time

import pytest


def loaded_by(module: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after importing `module`."""
    program = f"import sys, {module}; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert module in names
    return {name.partition(".")[0] for name in names}


def test_physnets_loads_no_library():
    assert not loaded_by("physnets") & {"tensorflow", "keras", "numpy", "matplotlib", "pandas", "seaborn", "sklearn", "scipy", "IPython"}


@pytest.mark.parametrize(
    "module",
    ["start", "data", "inputs", "plots", "drawings", "checks", "reproducibility", "training", "images", "sequences", "physics", "gan"],
)
def test_no_module_loads_tensorflow(module):
    assert not loaded_by(f"physnets.{module}") & {"tensorflow", "keras"}


def test_physnets_is_imported_within_0_3_seconds():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import physnets"], check=True)
        return time.perf_counter() - start

    # The interpreter's own start is included; the best of five, because a busy machine only ever makes it slower.
    assert min(seconds() for _ in range(5)) < 0.3
