"""One environment, written down three times; and a package that carries its data to wherever it is installed.

`pyproject.toml` says what physnets needs, `requirements.txt` fixes a version of everything for Linux, macOS and Windows and Python
3.11 to 3.13, `environment.yml` gives the same to conda and Binder.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import physnets
from physnets import data

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK_TEXT = (ROOT / "requirements.txt").read_text(encoding="utf-8")
LOCK = [Requirement(line) for line in LOCK_TEXT.splitlines() if line and not line.startswith((" ", "#", "-"))]
DIRECT = [Requirement(line) for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for line in lines]

PYTHONS = ["3.11", "3.12", "3.13"]
SYSTEMS = {
    "linux": {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows": {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}
ENVIRONMENTS = [
    pytest.param(
        {
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
            "python_version": python,
            "python_full_version": f"{python}.0",
            **markers,
        },
        id=f"{system}-{python}",
    )
    for system, markers in SYSTEMS.items()
    for python in PYTHONS
]
HERE = pytest.param(dict(default_environment()), id="this-machine")


def applies(requirement: Requirement, environment: dict[str, str], extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra})


def locked(environment: dict[str, str]) -> dict[str, list[str]]:
    """The versions that the lock installs, by package."""
    versions = {}
    for pin in LOCK:
        if applies(pin, environment):
            (specifier,) = pin.specifier
            versions.setdefault(canonicalize_name(pin.name), []).append(specifier.version)
    return versions


def required(environment: dict[str, str]) -> dict[str, SpecifierSet]:
    """What physnets with all its extras needs, directly and through others: the versions allowed, by package.

    Packages for other systems are not installed here, so what they in turn need is not known; today they need nothing.
    """
    allowed = {}
    known = set()
    waiting = [requirement for requirement in DIRECT if applies(requirement, environment)]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        allowed[name] = allowed.get(name, SpecifierSet()) & requirement.specifier
        for extra in {"", *requirement.extras}:
            if (name, extra) in known:
                continue
            known.add((name, extra))
            try:
                lines = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue
            waiting += [needed for needed in map(Requirement, lines) if applies(needed, environment, extra)]
    return allowed


def test_the_lock_pins_each_package_to_one_version():
    for pin in LOCK:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert not pin.url, pin


def test_the_lock_names_no_host():
    # The place packages come from is the reader's own setting.
    assert "://" not in LOCK_TEXT
    assert not re.search(r"^\s*-", LOCK_TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("environment", [HERE, *ENVIRONMENTS])
def test_the_lock_holds_all_that_is_needed_and_nothing_else(environment):
    pins, needs = locked(environment), required(environment)
    assert set(pins) == set(needs)
    for name, allowed in needs.items():
        assert len(pins[name]) == 1, name
        assert allowed.contains(pins[name][0], prereleases=True), f"{name} {pins[name][0]} is locked, {allowed} needed"


def test_this_environment_is_the_locked_one():
    for name, (version,) in locked(default_environment()).items():
        assert importlib.metadata.version(name) == version, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_direct_dependency_is_locked_once_on_every_system(environment):
    pins = locked(environment)
    for requirement in DIRECT:
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert len(versions) == 1, requirement
        assert requirement.specifier.contains(versions[0]), requirement


@pytest.mark.parametrize(
    ("package", "systems"),
    [("colorama", {"windows"}), ("pywinpty", {"windows"}), ("appnope", {"macos"}), ("pexpect", {"linux", "macos"})],
)
def test_packages_for_one_system_are_locked_for_that_system_alone(package, systems):
    for environment in ENVIRONMENTS:
        system = environment.id.partition("-")[0]
        assert (package in locked(environment.values[0])) == (system in systems), environment.id


def test_conda_installs_the_same_lock_and_the_same_pythons():
    description = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert description["name"] == PROJECT["name"]
    assert description["channels"] == ["conda-forge"]
    python, pip, from_pip = description["dependencies"]
    assert pip == "pip"
    assert from_pip == {"pip": ["-r requirements.txt", "-e ."]}
    name, _, pythons = python.partition(" ")
    assert name == "python"
    every = [f"3.{minor}" for minor in range(30)]
    assert list(SpecifierSet(pythons).filter(every)) == PYTHONS
    # The package itself sets no upper bound, so that a newer Colab can install it.
    assert next(SpecifierSet(PROJECT["requires-python"]).filter(every)) == PYTHONS[0]
    assert set(PYTHONS) <= set(SpecifierSet(PROJECT["requires-python"]).filter(every))


def test_the_package_says_its_own_version():
    assert physnets.__version__ == PROJECT["version"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built with no network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (path,) = folder.iterdir()
    return path


def test_the_wheel_holds_the_package_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    information = f"physnets-{Version(PROJECT['version'])}.dist-info"
    modules = {f"physnets/{path.name}" for path in (ROOT / "physnets").glob("*.py")}
    files = {f"physnets/_data/{name}" for name in [*data.registry(), "registry.txt", "README.md"]}
    about = {f"{information}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE", "licenses/LICENSE-TEXT")}
    assert names == {*modules, "physnets/py.typed", *files, *about}


def test_installing_the_package_changes_no_other(wheel, tmp_path):
    """Colab's TensorFlow and NumPy stay as they are. `make oldest` runs this beside the oldest versions, `make newest` beside the newest."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--no-index",
        "--quiet",
        "--report",
        str(tmp_path / "report.json"),
        str(wheel),
    ]
    subprocess.run(command, check=True)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {package["metadata"]["name"] for package in report["install"]} <= {"physnets"}


LOAD_EVERYTHING = """
import json
import physnets.data as data

loaders = [name for name in vars(data) if name.startswith("load_")]
for name in loaders:
    assert getattr(data, name)() is not None
print(json.dumps({"module": data.__file__, "loaders": loaders, "files": [str(data.data_path(name)) for name in data.registry()]}))
"""


def test_an_installed_wheel_finds_its_data_outside_the_clone(wheel, tmp_path):
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=os.name != "nt")
    installed = {name: sysconfig.get_path(name, "venv", {"base": str(folder), "platbase": str(folder)}) for name in ("purelib", "scripts")}
    python = Path(installed["scripts"], "python")
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)], check=True)
    # NumPy and the others are borrowed from the running environment. The clone is not: a folder named in a .pth file has its own
    # .pth files, an editable install among them, left unread.
    Path(installed["purelib"], "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    outcome = subprocess.run(
        [str(python), "-c", LOAD_EVERYTHING], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(outcome.stdout)
    package = Path(installed["purelib"], "physnets").resolve()
    assert Path(found["module"]).resolve() == package / "data.py"
    assert [Path(path).resolve() for path in found["files"]] == [package / "_data" / name for name in data.registry()]
    assert found["loaders"] == [name for name in vars(data) if name.startswith("load_")]
