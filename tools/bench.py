"""Time the trainings of the course as a plain loop does them and as its engine does, side by side in one run.

    python tools/bench.py                                      about ten minutes; the table goes into the book
    python tools/bench.py --short --output table.md            a short trial

The seconds belong to one machine, and to an idle one; the ratios between them carry over to others.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import joblib
import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import softmax
from sklearn.model_selection import ParameterGrid, train_test_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from physnets.data import load_digits, load_prices
from physnets.images import load_mnist
from physnets.sequences import roll_out, split_windows
from physnets.training import train_members

TABLE = Path(__file__).resolve().parent.parent / "book" / "bench.md"
CORES = joblib.cpu_count()
LOOPED = 4  # of the trainings are timed in the plain loop, which would take half an hour for all of them

Data = tuple[np.ndarray, np.ndarray]

# Products of matrices as small as these only lose by being divided among threads.
one_thread_a_product = threadpool_limits.wrap(limits=1)


@np.errstate(over="ignore", invalid="ignore")  # some of the networks diverge
def numpy_network(points: np.ndarray, train: Data, validation: Data, epochs: int, seed: int) -> np.ndarray:
    """Train one hidden layer with Week 2's formulas and mini-batches of 32; return the accuracy on the validation part.

    `points` are eta and lambda, shape (2,); or those of several networks, shape (models, 2), and then every array has this axis in front.
    """
    rng = np.random.default_rng(seed)
    models = points.shape[:-1]
    eta, lmbd = np.moveaxis(points, -1, 0).astype("float32")[..., None, None]
    X, T = train[0], np.eye(10, dtype="float32")[train[1]]
    W1, W2 = (rng.normal(0, n_in**-0.5, (*models, n_in, n_out)).astype("float32") for n_in, n_out in ((64, 50), (50, 10)))
    b1, b2 = np.zeros((*models, 1, 50), "float32"), np.zeros((*models, 1, 10), "float32")

    def forward(X):
        A = 0.5 * np.tanh(0.5 * (X @ W1 + b1)) + 0.5  # the sigmoid; it never overflows in this form
        return A, A @ W2 + b2

    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 32):
            rows = order[start : start + 32]
            x = X[rows]
            A, Z = forward(x)
            delta2 = (softmax(Z, axis=-1) - T[rows]) / len(rows)
            delta1 = (delta2 @ W2.swapaxes(-1, -2)) * A * (1 - A)
            W2 -= eta * (A.swapaxes(-1, -2) @ delta2 + lmbd * W2)
            b2 -= eta * delta2.sum(axis=-2, keepdims=True)
            W1 -= eta * (x.T @ delta1 + lmbd * W1)
            b1 -= eta * delta1.sum(axis=-2, keepdims=True)
    _, Z = forward(validation[0])
    return np.where(np.isfinite(Z).all(axis=(-1, -2)), (Z.argmax(axis=-1) == validation[1]).mean(axis=-1), np.nan)


@one_thread_a_product
def numpy_loop(points: np.ndarray, *data_and_epochs) -> np.ndarray:
    """One network after another."""
    return np.array([numpy_network(point, *data_and_epochs, seed) for seed, point in enumerate(tqdm(points, desc="NumPy"))])


@one_thread_a_product
def numpy_grid(points: np.ndarray, *data_and_epochs) -> np.ndarray:
    """All networks along a model axis; NumPy computes outside Python's lock, so each core can have its piece of the axis."""
    pieces = np.array_split(points, min(CORES, len(points)))
    with ThreadPoolExecutor() as pool:
        results = [pool.submit(numpy_network, piece, *data_and_epochs, seed) for seed, piece in enumerate(pieces)]
    return np.concatenate([result.result() for result in results])


@dataclass(frozen=True)
class Comparison:
    """Members of one Keras network, to be trained by `fit` and by the engine with the same epochs and batches."""

    name: str
    network: list[Callable]
    data: Data
    members: pd.DataFrame
    epochs: int
    batch_size: int
    optimizer: str = "adam"
    loss: str = "mse"
    jit: bool = False

    def build(self, jit: bool = False, eta: float | None = None, lmbd: float = 0.0) -> keras.Model:
        """The compiled network; a penalty is a regulariser of its layers."""
        model = keras.Sequential([keras.Input(self.data[0].shape[1:]), *(layer() for layer in self.network)])
        for layer in model.layers if lmbd else []:
            if hasattr(layer, "kernel"):
                layer.kernel.regularizer = keras.regularizers.L2(lmbd / 2)
        optimizer = keras.optimizers.get(self.optimizer)
        if eta is not None:
            optimizer.learning_rate = eta
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if self.loss == "crossentropy" else self.loss
        model.compile(optimizer, loss, metrics=["accuracy"] if self.loss == "crossentropy" else None, jit_compile=jit)
        return model

    @property
    def looped(self) -> np.ndarray:
        """The members that are trained by `fit` too."""
        return np.linspace(0, len(self.members) - 1, min(LOOPED, len(self.members))).astype(int)

    def by_fit(self) -> tuple[float, float]:
        """Seconds that all members would take in a loop, from those that are trained, and the median of their last losses."""
        losses, start = [], time.perf_counter()
        for member in tqdm(self.members.iloc[self.looped].to_dict("records"), desc=f"{self.name}, fit"):
            keras.utils.set_random_seed(member.pop("seed"))
            model = self.build(**member)
            history = model.fit(*self.data, epochs=self.epochs, batch_size=self.batch_size, verbose=0).history
            losses.append(history["loss"][-1])
        return (time.perf_counter() - start) * len(self.members) / len(losses), np.nanmedian(losses)

    def by_engine(self) -> tuple[float, float]:
        """Seconds that all members take, and the median of the last losses of those that are trained by `fit` too."""
        start = time.perf_counter()
        trained = train_members(partial(self.build, self.jit), self.data, self.members, epochs=self.epochs, batch_size=self.batch_size)
        return time.perf_counter() - start, np.nanmedian(trained.history["loss"][self.looped, -1])


def starts(number: int) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(number)})


def comparisons(digits: Data, short: bool) -> list[Comparison]:
    """Each network with the data it has in the lectures."""
    images, labels = digits
    flat = images.reshape(len(images), 64)
    prices = split_windows(np.log(load_prices()["MSFT"]), 7).train
    prices = prices[0].astype("float32"), prices[1][:, 0].astype("float32")
    mnist, of_mnist = load_mnist()
    mnist = mnist[:4000, ..., np.newaxis].astype("float32") / 255, of_mnist[:4000]
    values = np.logspace(-5, 1, 2 if short else 7)
    grid = pd.DataFrame(ParameterGrid({"eta": values, "lmbd": values, "seed": [0]}))
    digit, twenty = {"optimizer": "sgd", "loss": "crossentropy"}, starts(2 if short else 20)

    def sigmoids(*sizes):
        return [*(partial(layers.Dense, size, "sigmoid") for size in sizes), partial(layers.Dense, 10)]

    def convolution(filters, size, units):
        convolve, last = partial(layers.Conv2D, filters, 3, activation="relu"), partial(layers.Dense, 10)
        return [convolve, partial(layers.MaxPooling2D, 2), layers.Flatten, partial(layers.Dense, units, "relu"), last]

    normalised = [
        layer for _ in range(6) for layer in (partial(layers.Dense, 50), layers.BatchNormalization, partial(layers.Activation, "sigmoid"))
    ]
    one, pool, relu = partial(layers.Dense, 1), partial(layers.MaxPooling1D, 2), partial(layers.Conv1D, 64, 3, activation="relu")
    dropped = [partial(layers.Dense, 200, "relu"), partial(layers.Dropout, 0.5), partial(layers.Dense, 10)]
    found = [
        Comparison("keras-dense-grid", sigmoids(100, 50), (flat, labels), grid, 100, 100, **digit, jit=True),
        Comparison("keras-cnn-grid", convolution(10, 3, 50), (images[..., np.newaxis], labels), grid, 100, 100, **digit, jit=True),
        Comparison("lstm-starts", [partial(layers.LSTM, 32), one], prices, twenty, 20, 32, jit=True),
        Comparison("gru-starts", [partial(layers.GRU, 32), one], prices, twenty, 20, 32, jit=True),
        Comparison("simplernn-starts", [partial(layers.SimpleRNN, 32), one], prices, twenty, 20, 32, jit=True),
        Comparison("conv1d-starts", [relu, pool, layers.Flatten, one], prices, twenty, 20, 32, jit=True),
        Comparison("batchnorm-starts", [*normalised, partial(layers.Dense, 10)], (flat, labels), twenty, 20, 32, **digit, jit=True),
        Comparison("dropout-starts", dropped, (flat, labels), twenty, 20, 32, **digit),
        Comparison("mnist-cnn-starts", convolution(16, 3, 64), mnist, starts(2 if short else 5), 3, 100, loss="crossentropy"),
    ]
    if short:
        found = [Comparison(**(vars(comparison) | {"epochs": 1, "jit": False})) for comparison in found]
    return found


def predict_loop(model: keras.Model, window: np.ndarray, steps: int) -> np.ndarray:
    """Forecast with one call of Keras' `predict` for each step."""
    values = []
    for _ in tqdm(range(steps), desc="predict"):
        values.append(model.predict(window, verbose=0))
        window = np.concatenate([window[:, 1:], values[-1][:, np.newaxis]], axis=1)
    return np.stack(values, axis=1)


def timed(function: Callable, *arguments) -> tuple[float, np.ndarray]:
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def peak() -> float:
    """Floating-point operations a second in the best of ten large matrix products."""
    matrix = np.ones((2000, 2000), "float32")
    return 2 * 2000**3 / min(timed(np.matmul, matrix, matrix)[0] for _ in range(10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few members and one epoch of each, without XLA")
    parser.add_argument("--output", type=Path, default=TABLE, help="the file for the table (default: the book's)")
    options = parser.parse_args()

    images, labels = load_digits()
    X, X_judged, t, t_judged = train_test_split(images.astype("float32") / 16, labels, test_size=0.2, stratify=labels, random_state=0)
    lines = [
        f"Measured on {date.today():%Y-%m-%d} with Python {python_version()}, "
        + ", ".join(f"{name} {version(name.lower())}" for name in ("NumPy", "TensorFlow", "Keras"))
        + f" on {CORES} processor cores, whose best product of large float32 matrices ran at {peak() / 1e9:.0f} GFLOP/s.",
        "",
        "| Comparison | Members | Epochs | Batch | Ratio | Time (s) | Median of the last losses |",
        "|---|---|---|---|---|---|---|",
    ]

    def note(name: str, members: int, epochs: int, batch: int, slow: float, fast: float, results: tuple[float, float]) -> None:
        print(f"{name} ratio={slow / fast:.1f}", flush=True)
        shown = " → ".join(f"{value:.4g}" for value in results)
        lines.append(f"| {name} | {members} | {epochs} | {batch} | {slow / fast:.1f} | {slow:.1f} → {fast:.1f} | {shown} |")

    values, epochs = np.logspace(-5, 1, 2 if options.short else 7), 1 if options.short else 100
    points = np.array([(eta, lmbd) for eta in values for lmbd in values])
    arguments = points, (X.reshape(-1, 64), t), (X_judged.reshape(-1, 64), t_judged), epochs
    (slow, one_by_one), (fast, together) = (timed(program, *arguments) for program in (numpy_loop, numpy_grid))
    note("numpy-grid", len(points), epochs, 32, slow, fast, (np.nanmedian(one_by_one), np.nanmedian(together)))
    for one in comparisons((X, t), options.short):
        (slow, by_fit), (fast, by_engine) = one.by_fit(), one.by_engine()
        note(one.name, len(one.members), one.epochs, one.batch_size, slow, fast, (by_fit, by_engine))

    # Week 9's simple recurrent network. Both ways have made one short forecast before, so neither compiles while the clock runs.
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2, 1)), layers.SimpleRNN(200), layers.Dense(1)])
    start, steps = np.ones((1, 2, 1), "float32"), 2 if options.short else 200
    predict_loop(model, start, 2), roll_out(model, start, 2)
    (slow, step_by_step), (fast, compiled) = (timed(forecast, model, start, steps) for forecast in (predict_loop, roll_out))
    difference = np.abs(step_by_step - compiled).max()
    print(f"rollout ratio={slow / fast:.1f}", flush=True)
    lines += [
        "",
        "| Comparison | Ratio | Time (s) | Steps | Largest difference |",
        "|---|---|---|---|---|",
        f"| rollout | {slow / fast:.1f} | {slow:.2f} → {fast:.3f} | {steps} | {difference:.0e} |",
    ]
    table = "\n".join(lines) + "\n"
    print(f"\n{table}", end="")
    options.output.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
