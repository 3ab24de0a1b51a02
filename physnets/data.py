"""The data sets that travel with the course.

Every file lies in the folder `data/` of a clone, and in `physnets/_data/` of an installed package. Its checksum stands in
`registry.txt` (one line a file: name, SHA-256), and each access compares the two, so a damaged file is found before it is used.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from physnets.inputs import short

_PACKAGE = Path(__file__).resolve().parent
# An installed wheel carries the data inside the package, a clone beside it.
DATA_FOLDER = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent / "data"


def registry() -> dict[str, str]:
    """Return the SHA-256 checksum (64 hexadecimal digits) of every data file, by file name.

    Raises:
        FileNotFoundError: the registry itself is missing, so the installation is incomplete.
    """
    path = DATA_FOLDER / "registry.txt"
    if not path.is_file():
        raise FileNotFoundError(f"no list of data files at {path}: install physnets again, or restore data/ in your clone.")
    return dict(line.split() for line in path.read_text(encoding="utf-8").splitlines())


def data_path(name: str) -> Path:
    """Return the path of a data file whose content has just been verified.

    Args:
        name: file name as in `data/README.md`, for example `"digits.npz"`.

    Raises:
        ValueError: `name` is no data file of the course, or the file's content differs from its checksum.
        FileNotFoundError: the file is listed but missing.
    """
    known = registry()
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"no data file is called {short(name)}; there are: {', '.join(sorted(known))}.")
    path = DATA_FOLDER / name
    if not path.is_file():
        raise FileNotFoundError(f"data file {name!r} is missing from {DATA_FOLDER}: install physnets again, or restore it in your clone.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != known[name]:
        raise ValueError(
            f"data file {path} is damaged: its SHA-256 is {found[:12]}…, expected {known[name][:12]}…; "
            "install physnets again, or restore it in your clone."
        )
    return path


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Load the handwritten digits: 1797 grey images of 8 x 8 pixels, ten classes of about 180 each.

    Returns:
        Two arrays:

        - images: float64, shape (1797, 8, 8); pixel values 0 (paper) to 16 (ink), the count of inked dots in a 4 x 4 block.
        - labels: int64, shape (1797,); the digit, 0 to 9.

    Raises:
        ValueError, FileNotFoundError: the data file is damaged or missing, as in `data_path`.

    Source:
        E. Alpaydin and C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository,
        https://doi.org/10.24432/C50P49 (CC BY 4.0); its test part, as scikit-learn ships it. Not a part of MNIST.
    """
    with np.load(data_path("digits.npz")) as stored:
        return stored["images"].astype(np.float64), stored["labels"].astype(np.int64)


def load_prices() -> pd.DataFrame:
    """Load daily closing prices of Apple (AAPL), IBM and Microsoft (MSFT), from 1 March 2000 to 1 March 2013.

    Returns:
        A row for each of 3270 trading days, with its date as index, and a column for each company: the closing price in dollars, adjusted
        for splits and dividends also after the period, so that its changes are what a holder of the share gained or lost. The Apple of
        2000, quoted at 130 dollars, stands here at 4.19.

    Raises:
        ValueError, FileNotFoundError: the data file is damaged or missing, as in `data_path`.

    Source:
        Quandl WIKI Prices (public domain), as the package `bokeh_sampledata` 2026.1 ships them.
    """
    return pd.read_csv(data_path("prices.csv"), index_col="Date", parse_dates=True)
