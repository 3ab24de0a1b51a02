"""Train the networks of a grid one after another and as one program, and roll out a forecast, side by side in one run.

    python tools/bench.py                                            about eight minutes; the table goes into the book
    python tools/bench.py --values 2 --epochs 1 --output table.md    a short trial

The seconds belong to one machine, and to an idle one; the ratios between them carry over to others.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from importlib.metadata import version
from math import prod
from pathlib import Path
from platform import python_version

import joblib
import keras
import numpy as np
import pandas as pd
from keras import layers
from scipy.special import softmax
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from physnets.data import load_digits
from physnets.grid import train_members
from physnets.sequences import roll_out

TABLE = Path(__file__).resolve().parent.parent / "book" / "bench.md"
CORES = joblib.cpu_count()
LEARNED = 0.5  # accuracy; guessing gives 0.1

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


def dense(**options) -> list:
    return [
        keras.Input((64,)),
        layers.Dense(100, "sigmoid", **options),
        layers.Dense(50, "sigmoid", **options),
        layers.Dense(10, **options),
    ]


def convolutional(**options) -> list:
    return [
        keras.Input((8, 8, 1)),
        layers.Conv2D(10, 3, activation="relu", **options),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(50, "relu", **options),
        layers.Dense(10, **options),
    ]


def keras_loop(architecture: Callable, points: np.ndarray, train: Data, validation: Data, epochs: int) -> np.ndarray:
    """Build, fit and evaluate one model after another, as one does without further thought."""
    accuracies = []
    for eta, lmbd in tqdm(points, desc=f"Keras, {architecture.__name__}"):
        model = keras.Sequential(architecture(kernel_regularizer=keras.regularizers.L2(lmbd / 2)))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(eta), loss, metrics=["accuracy"])
        model.fit(*train, epochs=epochs, batch_size=100, verbose=0)
        cost, accuracy = model.evaluate(*validation, verbose=0)
        accuracies.append(accuracy if np.isfinite(cost) else np.nan)
    return np.array(accuracies)


def keras_grid(architecture: Callable, points: np.ndarray, train: Data, validation: Data, epochs: int) -> np.ndarray:
    """All models at once."""
    table = pd.DataFrame(points, columns=["eta", "lmbd"])
    grid = train_members(keras.Sequential(architecture()), train, validation, table, epochs=epochs, batch_size=100, seed=0)
    return grid.members["validation accuracy"].to_numpy()


def predict_loop(model: keras.Model, window: np.ndarray, steps: int) -> np.ndarray:
    """Forecast with one call of Keras' `predict` for each step."""
    values = []
    for _ in tqdm(range(steps), desc="predict"):
        values.append(model.predict(window, verbose=0))
        window = np.concatenate([window[:, 1:], values[-1][:, np.newaxis]], axis=1)
    return np.stack(values, axis=1)


def multiply_adds(architecture: Callable) -> int:
    """Multiplications, each with its addition, that one sample takes on its way forward; a convolution repeats its kernel over the image."""
    weighted = [layer for layer in keras.Sequential(architecture()).layers if layer.weights]
    return sum(layer.kernel.shape.num_elements() * prod(layer.output.shape[1:-1]) for layer in weighted)


def timed(function: Callable, *arguments) -> tuple[float, np.ndarray]:
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def peak() -> float:
    """Floating-point operations a second in the best of ten large matrix products."""
    matrix = np.ones((2000, 2000), "float32")
    return 2 * 2000**3 / min(timed(np.matmul, matrix, matrix)[0] for _ in range(10))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of the two heatmaps, over the cells that are finite in both."""
    finite = np.isfinite(first) & np.isfinite(second)
    with np.errstate(invalid="ignore"):  # of a constant heatmap it is NaN
        return np.corrcoef(first[finite], second[finite])[0, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=7, help="learning rates, and as many penalties, from 1e-5 to 10 (default: 7)")
    parser.add_argument("--epochs", type=int, default=100, help="default: 100")
    parser.add_argument("--output", type=Path, default=TABLE, help="the file for the table (default: the book's)")
    options = parser.parse_args()

    values = np.logspace(-5, 1, options.values)
    points = np.array([(eta, lmbd) for eta in values for lmbd in values])
    images, labels = load_digits()
    X, X_validation, t, t_validation = train_test_split(images.astype("float32"), labels, test_size=0.2, stratify=labels, random_state=0)

    def data(*shape: int) -> tuple[Data, Data]:
        return (X.reshape(-1, *shape), t), (X_validation.reshape(-1, *shape), t_validation)

    comparisons = [
        ("numpy-grid", numpy_loop, numpy_grid, data(64), 64 * 50 + 50 * 10),
        ("keras-dense-grid", partial(keras_loop, dense), partial(keras_grid, dense), data(64), multiply_adds(dense)),
        (
            "keras-cnn-grid",
            partial(keras_loop, convolutional),
            partial(keras_grid, convolutional),
            data(8, 8, 1),
            multiply_adds(convolutional),
        ),
    ]
    highest = peak()
    lines = [
        f"Measured on {date.today():%Y-%m-%d} with Python {python_version()}, "
        + ", ".join(f"{name} {version(name.lower())}" for name in ("NumPy", "TensorFlow", "Keras"))
        + f" on {CORES} processor cores, whose best product of large float32 matrices ran at {highest / 1e9:.0f} GFLOP/s:"
        f" {len(points)} networks, {options.epochs} epochs.",
        "",
        "| Comparison | Ratio | Time (s) | Best accuracy | Correlation | Cells | Share of the peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, loop, grid, parts, products in comparisons:
        # Backward takes about twice the products of forward; each is a multiplication and an addition.
        operations = 2 * 3 * products * len(points) * len(X) * options.epochs
        (slow, one_by_one), (fast, together) = (timed(program, points, *parts, options.epochs) for program in (loop, grid))
        best = [np.nanmax(accuracies) for accuracies in (one_by_one, together)]
        finite = np.isfinite(one_by_one) & np.isfinite(together)
        cells = f"{finite.sum()}, {(np.minimum(one_by_one, together) > LEARNED).sum()} learned"
        shares = [operations / seconds / highest for seconds in (slow, fast)]
        print(f"{name} ratio={slow / fast:.1f}", flush=True)
        lines.append(
            f"| {name} | {slow / fast:.1f} | {slow:.1f} → {fast:.1f} | {best[0]:.3f} → {best[1]:.3f} | {correlation(one_by_one, together):.3f} "
            f"| {cells} | {shares[0]:.2%} → {shares[1]:.2%} |"
        )
    # Week 9's simple recurrent network. Both ways have made one short forecast before, so neither compiles while the clock runs.
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2, 1)), layers.SimpleRNN(200), layers.Dense(1)])
    start, steps = np.ones((1, 2, 1), "float32"), 2 * options.epochs
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
