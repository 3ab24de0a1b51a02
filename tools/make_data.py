"""Make the files in data/ from what the locked libraries ship, and the registry of their checksums.

Usage: python tools/make_data.py
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DATA = Path(__file__).resolve().parent.parent / "data"


def digits() -> dict[str, np.ndarray]:
    """scikit-learn's copy of the UCI handwritten digits; whole numbers up to 16, so one byte a pixel loses nothing."""
    bunch = load_digits()
    return {"images": bunch.images.astype(np.uint8), "labels": bunch.target.astype(np.uint8)}


def main() -> None:
    np.savez_compressed(DATA / "digits.npz", **digits())
    checksums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(DATA.glob("*.npz"))}
    lines = [f"{name} {checksum}\n" for name, checksum in checksums.items()]
    (DATA / "registry.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
