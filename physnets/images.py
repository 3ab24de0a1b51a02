"""Image data sets: MNIST, and CIFAR-10 from wherever it can be had.

Two environment variables decide where the images come from:

- `PHYSNETS_DATA`: a folder, say on a school's shared drive, that holds `cifar10.npz` with the arrays `x_train`, `y_train`, `x_test`
  and `y_test` (shapes and types as in `Cifar10`; labels of shape (n,) or (n, 1)).
- `PHYSNETS_OFFLINE`: `1` forbids the network.
"""

import os
import pickle
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from physnets.data import data_path

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_COUNTS = {"train": 50_000, "test": 10_000}
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
CIFAR10_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
# Seconds to connect, and seconds without a single byte. A host that is slow but alive is waited for; a silent one is left.
TIMEOUT = (5, 20)
RETRIES = 3


@dataclass(frozen=True, eq=False)
class Cifar10:
    """CIFAR-10, or the stand-in for it: colour images of 32 x 32 pixels in ten classes.

    Attributes:
        x_train: uint8, shape (50000, 32, 32, 3); red, green and blue, 0 to 255.
        t_train: int64, shape (50000,); the index into `CIFAR10_CLASSES`, or the digit in the stand-in.
        x_test: uint8, shape (10000, 32, 32, 3).
        t_test: int64, shape (10000,).
        source: where the images come from: `"shared folder"`, `"cache"`, `"download"` or `"stand-in"`.
    """

    x_train: np.ndarray
    t_train: np.ndarray
    x_test: np.ndarray
    t_test: np.ndarray
    source: str

    @property
    def real(self) -> bool:
        """Whether these are the photographs of CIFAR-10, not coloured digits in their place."""
        return self.source != "stand-in"


def load_mnist(full: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Load handwritten digits of MNIST: grey images of 28 x 28 pixels, ten classes of nearly the same size.

    Args:
        full: False for the 10 000 digits that come with the course, in random order; True for all 70 000, the 60 000 of MNIST's
            training part first. These are downloaded once, 11 MB, into the user's cache.

    Returns:
        Two arrays, with n = 10000 or 70000:

        - images: uint8, shape (n, 28, 28); 0 (paper) to 255 (ink).
        - labels: int64, shape (n,); the digit, 0 to 9.

    Raises:
        ValueError: `full` is neither True nor False.
        OSError: the full set is neither in the cache nor to be had; the message says why.
        ValueError, FileNotFoundError: the course's own data file is damaged or missing, as in `physnets.data.data_path`.

    Source:
        Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST database of handwritten digits*, http://yann.lecun.com/exdb/mnist/
        (CC BY-SA 3.0). The full set is Keras' copy.
    """
    if not isinstance(full, bool):  # a text such as "no" would count as True, and start a download
        raise ValueError(f"full is of the type {type(full).__name__}, expected True or False.")
    if not full:
        with np.load(data_path("mnist.npz")) as stored:
            return stored["images"], stored["labels"].astype(np.int64)
    try:
        path = _fetch(MNIST_URL, MNIST_SHA256, _cache())
    except OSError as error:
        raise OSError(
            f"the full MNIST could not be fetched: {error}; load_mnist() without full=True returns the 10 000 digits of the course."
        ) from error
    with np.load(path) as stored:
        images, labels = (np.concatenate([stored[f"{name}_train"], stored[f"{name}_test"]]) for name in "xy")
    return images, labels.astype(np.int64)


def load_cifar10_samples() -> tuple[np.ndarray, np.ndarray]:
    """Load the first twenty test images of CIFAR-10, which come with the course.

    Returns:
        Two arrays:

        - images: uint8, shape (20, 32, 32, 3); red, green and blue, 0 to 255.
        - labels: int64, shape (20,); the index into `CIFAR10_CLASSES`.

    Raises:
        ValueError, FileNotFoundError: the data file is damaged or missing, as in `physnets.data.data_path`.

    Source:
        Alex Krizhevsky (2009), *Learning Multiple Layers of Features from Tiny Images*, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    with np.load(data_path("cifar10_samples.npz")) as stored:
        return stored["images"], stored["labels"].astype(np.int64)


def load_cifar10() -> Cifar10:
    """Load CIFAR-10 from the first of these places that has it: the folder `PHYSNETS_DATA`, the user's cache, the authors' site.

    A download (170 MB) is compared with its checksum and kept in the cache for the next time. When there is nothing to be had,
    coloured digits of the same shapes take the place of the photographs, so that every program still runs; `source` and `real`
    of the result say which they are. Whatever failed on the way is told in one line on stderr, and nothing is raised.

    Source:
        Alex Krizhevsky (2009), *Learning Multiple Layers of Features from Tiny Images*, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    cached = _cache() / "cifar10.npz"
    places = {"cache": lambda: _read(cached), "download": _download}
    if folder := os.environ.get("PHYSNETS_DATA"):
        places = {"shared folder": lambda: _read(Path(folder) / "cifar10.npz")} | places
    faults = []
    for source, arrays in places.items():
        try:
            images = Cifar10(**arrays(), source=source)
            break
        except (OSError, ValueError) as error:
            if not (source == "cache" and isinstance(error.__cause__, FileNotFoundError)):  # an empty cache is no fault
                faults.append(" ".join(str(error).split()))
    else:
        images = _stand_in()
    if images.source == "download":
        try:
            _store(images, cached)
        except OSError as error:
            faults.append(f"it could not be kept in {cached.parent} ({error}) and will be downloaded again")
    # Not a warning: Python shows a warning once for each line of code and adds that line, and -W error makes it a traceback.
    if not images.real:
        advice = "for the real images set PHYSNETS_DATA to a folder that holds cifar10.npz, or call again with a network"
        print(f"physnets: coloured digits stand in for CIFAR-10, because {'; '.join(faults)}; {advice}.", file=sys.stderr)
    elif faults:
        print(f"physnets: CIFAR-10 is here (source: {images.source}), but {'; '.join(faults)}.", file=sys.stderr)
    return images


def _cache() -> Path:
    """The folder of the user's cache, which may not exist yet."""
    import pooch

    return Path(pooch.os_cache("physnets"))


def _fetch(url: str, checksum: str, folder: Path) -> Path:
    """Return the path of a public file with the right checksum in `folder`, downloaded unless it is there; else OSError, in a clause.

    pooch writes beside the target and renames, so a half or wrong file never has the target's name, and it removes the rest.
    """
    import pooch
    import requests
    from tqdm import tqdm

    host, name = urlsplit(url).netloc, url.rpartition("/")[2]
    path = folder / name
    offline = os.environ.get("PHYSNETS_OFFLINE", "0") not in ("", "0")
    if offline and not (path.is_file() and pooch.file_hash(path) == checksum):
        raise OSError("PHYSNETS_OFFLINE=1 forbids the network")

    def download(address, target, store):
        # A new bar for every attempt, closed also when the attempt fails: else the next message would stand on the bar's line.
        # pooch asks whether the bar is true, which needs a total, and sets the right one when the answer has begun.
        with tqdm(desc=name, total=1, unit="B", unit_scale=True) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=TIMEOUT)(address, target, store)

    store = pooch.create(path=folder, base_url=url.removesuffix(name), registry={name: checksum}, retry_if_failed=RETRIES)
    try:
        return Path(store.fetch(name, downloader=download))
    except requests.HTTPError as error:
        raise OSError(f"{host} answered {error.response.status_code} {error.response.reason}") from error
    except requests.RequestException as error:
        raise OSError(f"{host} gave no complete answer ({type(error).__name__})") from error
    except ValueError as error:
        raise OSError(f"what {host} sent as {name} has the wrong checksum") from error


def _download() -> dict[str, np.ndarray]:
    """Fetch and unpack the authors' archive: five training batches and one test batch, pickled by Python 2."""
    names = [f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
    # The system's folder for temporary files, which it clears itself should this process be killed.
    with tempfile.TemporaryDirectory(prefix="physnets-") as folder:
        path = _fetch(CIFAR10_URL, CIFAR10_SHA256, Path(folder))
        # A pickle can run any code: it is opened only because the archive's checksum has just been verified.
        with tarfile.open(path) as archive:
            batches = [pickle.load(archive.extractfile(name), encoding="bytes") for name in names]
    x = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    y = np.concatenate([batch[b"labels"] for batch in batches])
    n = CIFAR10_COUNTS["train"]
    return _checked({"x_train": x[:n], "y_train": y[:n], "x_test": x[n:], "y_test": y[n:]})


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read and check a `cifar10.npz`; else ValueError, in a clause.

    A file in this format carries a CRC-32 of every array, compared whenever an array is read, so damage by accident is found without
    a second file beside it, which two processes could mix up.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no npz file, or not a whole one")
        with np.load(path) as stored:
            return _checked(stored)
    except Exception as error:  # a damaged archive raises nearly anything, from zlib.error to NotImplementedError
        # strerror, where there is one, does not repeat the path.
        raise ValueError(f"{path} cannot be used ({getattr(error, 'strerror', None) or error})") from error


def _checked(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a `Cifar10`, once shapes, types and labels are right; else ValueError."""
    checked = {}
    for part, count in CIFAR10_COUNTS.items():
        for name in (f"x_{part}", f"y_{part}"):
            if name not in stored:
                raise ValueError(f"it holds no {name}")
        x, y = stored[f"x_{part}"], stored[f"y_{part}"]
        if x.shape != (count, 32, 32, 3) or x.dtype != np.uint8:
            raise ValueError(f"its x_{part} is {x.dtype} of shape {x.shape}, not uint8 of shape {(count, 32, 32, 3)}")
        if y.shape not in ((count,), (count, 1)) or y.dtype.kind not in "iu" or not 0 <= y.min() <= y.max() <= 9:
            raise ValueError(f"its y_{part}, {y.dtype} of shape {y.shape}, is not {count} whole numbers from 0 to 9")
        checked |= {f"x_{part}": np.ascontiguousarray(x), f"t_{part}": y.reshape(count).astype(np.int64)}
    return checked


def _store(images: Cifar10, path: Path) -> None:
    """Write `cifar10.npz` as a whole or not at all: under another name first, which is removed when anything fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="cifar10-", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, x_train=images.x_train, y_train=images.t_train, x_test=images.x_test, y_test=images.t_test)
        Path(name).replace(path)
    except BaseException:  # an interrupt too
        Path(name).unlink()
        raise


def _stand_in() -> Cifar10:
    """Digits of MNIST in a light colour on a dark one, shifted by up to two pixels: as many of each class, the same at each call."""
    rng = np.random.default_rng(0)
    digits, labels = load_mnist()
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(digits, ((0, 0), (4, 4), (4, 4))), (32, 32), axis=(1, 2))
    # Of five digits four serve for training and one for the test, so no test image shows a digit of a training image.
    for_test = np.arange(len(digits)) % 5 == 4
    arrays = {}
    for part, count in CIFAR10_COUNTS.items():
        of_part = for_test == (part == "test")
        chosen = rng.permutation(np.concatenate([np.resize(np.flatnonzero(of_part & (labels == c)), count // 10) for c in range(10)]))
        row, column = rng.integers(0, 5, (2, count))
        ground = rng.integers(0, 128, (count, 1, 1, 3)).astype(np.float32)
        ink = rng.integers(128, 256, (count, 1, 1, 3)).astype(np.float32)
        x = np.empty((count, 32, 32, 3), np.uint8)
        for i in np.array_split(np.arange(count), -(-count // 1000)):  # a thousand at a time, to stay small in memory
            x[i] = ground[i] + (ink[i] - ground[i]) * (windows[chosen[i], row[i], column[i], ..., None] / np.float32(255))
        arrays |= {f"x_{part}": x, f"t_{part}": labels[chosen]}
    return Cifar10(**arrays, source="stand-in")
