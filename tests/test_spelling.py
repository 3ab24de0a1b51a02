"""No word of the course is misspelt in a way that codespell knows."""

import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NAMES = "theis"  # people


def test_spelling(tmp_path):
    paths = [*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("physnets/*.py"), *ROOT.glob("tools/*.py")]
    for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("assignments/*/*.ipynb")]:
        copy = tmp_path / f"{path.stem}.md"
        copy.write_text("\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells), encoding="utf-8")
        paths.append(copy)
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words-list", NAMES, *map(str, paths)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert len(paths) > 40
    assert found.stdout == "", found.stdout
    assert found.returncode == 0, found.stderr
