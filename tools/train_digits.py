"""Train Week 5's two convolutional networks for the small digits, and store the weights that its live figure runs in data/.

    python tools/train_digits.py        half a minute on two processor cores

Both networks are members of the lecture's comparison, with its split, settings and first seed. One sees each training image five times in
an epoch, the other the image and its four neighbours, moved by one pixel.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from physnets.data import load_digits
from physnets.training import train_members
from tools.make_data import DATA, write_registry

STEPS = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]  # pixels down and to the right


def build_network() -> keras.Sequential:
    """The network, untrained and compiled: scaled images of shape (n, 8, 8, 1) to logits of shape (n, 10)."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(10, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(50, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def split() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images (n, 8, 8), from 0 to 16, and labels (n,) of the lecture's 1150 training and 360 test digits."""
    images, labels = load_digits()
    X, X_test, t, t_test = train_test_split(images, labels, test_size=360, stratify=labels, random_state=0)
    X, _, t, _ = train_test_split(X, t, test_size=287, stratify=t, random_state=0)
    return (X, t), (X_test, t_test)


def moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images (n, 8, 8) moved by whole pixels, at most one; what enters is paper."""
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return wide[:, 1 - down : 9 - down, 1 - right : 9 - right]


def train(epochs: int) -> dict[str, np.ndarray]:
    """Train both networks. Returns the arrays of the data file, as data/README.md describes them."""
    (X, t), (X_test, t_test) = split()
    scale = np.array([X.mean(), X.std()]).astype(np.float16)
    copies = np.concatenate([moved(X, *step) for step in STEPS])
    copies = ((copies - float(scale[0])) / float(scale[1]))[..., np.newaxis]
    rows = np.array([np.tile(np.arange(len(X)), len(STEPS)), np.arange(len(copies))])
    members = pd.DataFrame({"seed": 0, "eta": 0.3, "lmbd": 1e-4}, index=range(2))
    trained = train_members(build_network(), (copies, np.tile(t, len(STEPS))), members, rows=rows, epochs=epochs, batch_size=50)
    weights = zip(*trained.each(lambda model: model.get_weights()), strict=True)
    shown = np.concatenate([np.flatnonzero(t_test == digit)[:2] for digit in range(10)])
    return {
        **{f"w{number:02d}": np.stack(arrays).astype(np.float16) for number, arrays in enumerate(weights)},
        "scale": scale,
        "images": X_test[shown].astype(np.uint8),
        "labels": t_test[shown].astype(np.uint8),
    }


def main() -> None:
    np.savez_compressed(DATA / "digits_networks.npz", **train(epochs=8))
    write_registry()


if __name__ == "__main__":
    main()
