"""The repository's address: the same everywhere, and changed everywhere by one command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
REPOSITORY = urlsplit(ADDRESS).path.strip("/")
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/exercises/*.ipynb")])
LAUNCHED = re.compile(r"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)")
INSTALLED = re.compile(r"git\+([^\s\"'@]+)")


def code_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_installs_from_the_configured_address(notebook):
    assert INSTALLED.findall(code_of(notebook)) == [ADDRESS]


def test_the_readme_names_the_configured_address_and_no_other():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert ADDRESS in text
    assert set(LAUNCHED.findall(text)) <= {REPOSITORY}
    cloned = re.findall(r"git clone (\S+)", text) + INSTALLED.findall(text)
    assert {address.removesuffix(".git") for address in cloned} <= {ADDRESS}


def test_the_address_stands_in_no_file_that_the_command_leaves_alone(fork):
    command(fork, "https://github.com/someone/else")
    assert [path.name for path, content in contents(fork).items() if f"/{REPOSITORY}".encode() in content] == []


@pytest.fixture
def fork(tmp_path):
    """A copy of the course's files, as somebody who forks it has them."""
    generated = shutil.ignore_patterns(".*", "_build", "__pycache__", "*.egg-info", "dist")
    return Path(shutil.copytree(ROOT, tmp_path / "fork", ignore=generated))


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(folder, *arguments):
    program = [sys.executable, folder / "tools" / "set_address.py", *arguments]
    # By itself a program writes into a pipe in the locale's encoding.
    return subprocess.run(program, capture_output=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"})


def test_the_command_changes_the_address_everywhere_and_nothing_else(fork):
    before = contents(fork)
    done = command(fork, "https://github.com/new-owner/my.course_2")
    assert (done.returncode, done.stderr) == (0, "")
    after = contents(fork)
    assert after == {path: content.replace(f"/{REPOSITORY}".encode(), b"/new-owner/my.course_2") for path, content in before.items()}
    named = {fork / name for name in ("_config.yml", "README.md", "CITATION.cff", "book/corrections.md")}
    places = named | {fork / path.relative_to(ROOT) for path in NOTEBOOKS}
    assert {path for path in after if after[path] != before[path]} == places
    assert command(fork, ADDRESS).returncode == 0
    assert contents(fork) == before


def test_the_command_knows_an_address_from_its_neighbours(fork):
    same = [f"{ADDRESS}.git", f"(colab.research.google.com/github/{REPOSITORY}/blob/main)", f"/gh/{REPOSITORY}/main", f"at {ADDRESS}."]
    other = [f"{ADDRESS}-extra", f"{ADDRESS}.wiki", f"folder/{REPOSITORY}", f"https://gitlab.com/{REPOSITORY}", "naïve\r\n\ttail"]
    readme = fork / "README.md"
    readme.write_bytes("\n".join(same + other).encode())
    assert command(fork, "https://github.com/a/b").returncode == 0
    assert readme.read_bytes().decode() == "\n".join([text.replace(REPOSITORY, "a/b") for text in same] + other)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "github.com/owner/repo",
        "http://github.com/owner/repo",
        "https://gitlab.com/owner/repo",
        "https://github.com/owner",
        "https://github.com/owner/repo/",
        "https://github.com/owner/repo.git",
        "https://github.com/owner/repo/tree/main",
        "https://github.com/-owner/repo",
        "https://github.com/owner/..",
        "https://github.com/owner/re po",
        "https://github.com/owner/repo\n",
        "https://github.com/owner/répo",
        'https://github.com/owner/re"po',
    ],
)
def test_a_malformed_address_is_refused_in_one_sentence_and_changes_nothing(fork, address):
    before = contents(fork)
    done = command(fork, address)
    assert done.returncode == 1
    assert (
        done.stderr == f"the new address is {address!r}, expected the form https://github.com/OWNER/REPO, with nothing before or after.\n"
    )
    assert contents(fork) == before


def test_a_malformed_configuration_is_named_and_changes_nothing(fork):
    config = fork / "_config.yml"
    config.write_text(config.read_text(encoding="utf-8").replace(ADDRESS, "somewhere"), encoding="utf-8")
    before = contents(fork)
    done = command(fork, "https://github.com/owner/repo")
    assert done.returncode == 1
    assert done.stderr.startswith("repository.url in _config.yml is 'somewhere', expected the form https://github.com/OWNER/REPO")
    assert contents(fork) == before
