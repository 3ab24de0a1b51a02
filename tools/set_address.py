"""Change the address of the course's repository everywhere it stands, for those who fork it:

    python tools/set_address.py https://github.com/OWNER/REPO

`repository.url` in _config.yml says what the address is now. It is replaced there (the book's launch buttons follow), in README.md,
CITATION.cff, the page of corrections, and the notebooks, whose Colab cell installs from it. Nothing else in these files changes, not by a byte.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
OWNER_AND_REPO = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.)[\w.-]{1,100}(?<!\.git)"
ADDRESS = re.compile(rf"https://github\.com/({OWNER_AND_REPO})", re.ASCII)


def places() -> list[Path]:
    """The files in which the address stands."""
    named = [ROOT / name for name in ("_config.yml", "README.md", "CITATION.cff", "book/corrections.md")]
    return [*named, *sorted((ROOT / "notebooks").rglob("*.ipynb"))]


def owner_and_repo(address: object, where: str) -> str:
    """Return `OWNER/REPO` out of an address; `where` names its origin in the error message."""
    match = ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None:
        raise ValueError(f"{where} is {address!r}, expected the form https://github.com/OWNER/REPO, with nothing before or after.")
    return match[1]


def replaced(text: bytes, old: str, new: str) -> bytes:
    """Replace the repository in its own address and in the addresses that Colab (github/...) and Binder (gh/...) give it."""
    address = re.compile(rf"(?<=/)((?:github\.com|github|gh)/){re.escape(old)}(?=\.git\b|(?!\.?[\w-]))".encode())
    return address.sub(rb"\g<1>" + new.encode(), text)


def write_atomically(path: Path, content: bytes) -> None:
    """Write the file in full or not at all, keeping its permissions."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    written = Path(file.name)
    written.chmod(path.stat().st_mode)
    written.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="https://github.com/OWNER/REPO")
    address = parser.parse_args().address
    try:
        new = owner_and_repo(address, "the new address")
        config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
        old = owner_and_repo(config.get("repository", {}).get("url"), "repository.url in _config.yml")
        before = {path: path.read_bytes() for path in places()}
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    after = {path: replaced(text, old, new) for path, text in before.items()}
    changed = [path for path in after if after[path] != before[path]]
    for path in reversed(changed):  # _config.yml last: should a write fail, the same command carries on where it stopped
        write_atomically(path, after[path])
    print(f"{address}: {len(changed)} files changed.")


if __name__ == "__main__":
    main()
