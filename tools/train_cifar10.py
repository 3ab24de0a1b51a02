"""Train the networks of Week 6 on CIFAR-10 and store their histories, confusion matrices and weights in data/.

Usage: python tools/train_cifar10.py            (less than an hour on two processor cores; needs the real images)

Every finished run is kept in the user's cache, so the program may be stopped at any moment and started again: it goes on with the first
run that is not finished. (After a change of this program, delete that folder, whose name is logged.) What is to be chosen is judged by
images held back from the training part; the test images say how good the result is, once a run is over.
"""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pooch
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from physnets.images import load_cifar10
from tools.make_data import DATA, write_registry

log = logging.getLogger("train_cifar10")
Arrays = dict[str, np.ndarray]

BATCH = 128  # images in a mini-batch
SHIFT = 4  # pixels by which augmentation shifts at most
PEAK = 0.1  # learning rate of the residual network after its warm-up
# What is added to the network of the sources: augmentation, batch normalisation with one momentum or another of its moving averages, two
# more convolutions with or without the skip. Keras' own momentum of 0.99 forgets too slowly for the few mini-batches of these trainings.
INGREDIENTS = {
    "plain": {},
    "augmentation": {"augment": True},
    "normalisation, momentum 0.99": {"momentum": 0.99},
    "normalisation, momentum 0.9": {"momentum": 0.9},
    "two layers, no skip": {"block": "stacked"},
    "residual block": {"block": "residual"},
    "all": {"augment": True, "momentum": 0.9, "block": "residual"},
}


@dataclass(frozen=True)
class Plan:
    """How many images, epochs and seeds; the default is what is shipped, tests take less."""

    plain_epochs: int = 10
    residual_epochs: int = 10
    ingredients: tuple[str, ...] = tuple(INGREDIENTS)
    ingredient_images: int = 10_000
    ingredient_held_out: int = 2_000
    ingredient_epochs: int = 8
    ingredient_seeds: int = 3
    timed_rounds: int = 10
    short_images: int = 10_000
    short_epochs: int = 4
    short_seeds: int = 5


def convolution(x, channels: int, momentum: float | None, strides: int = 1, padding: str = "valid"):
    """A 3 x 3 convolution, and given the momentum of its moving averages a batch normalisation, which has a bias of its own."""
    x = layers.Conv2D(channels, 3, strides, padding, use_bias=momentum is None)(x)
    return x if momentum is None else layers.BatchNormalization(momentum=momentum)(x)


def two_convolutions(x, channels: int, momentum: float | None, skip: bool = True):
    """A residual block, or without the skip the same two layers in a row; the shape stays (height, width, channels)."""
    h = layers.ReLU()(convolution(x, channels, momentum, padding="same"))
    h = convolution(h, channels, momentum, padding="same")
    return layers.ReLU()(layers.Add()([x, h]) if skip else h)


def source_network(momentum: float | None = None, block: str | None = None) -> keras.Model:
    """The network of the sources, for images (32, 32, 3) from 0 to 1, with ten logits; on request with what INGREDIENTS names."""
    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, 32, momentum))
    x = layers.MaxPooling2D(2)(x)
    x = layers.ReLU()(convolution(x, 64, momentum))
    x = layers.MaxPooling2D(2)(x)
    if block:
        x = two_convolutions(x, 64, momentum, skip=block == "residual")
    x = layers.ReLU()(convolution(x, 64, momentum))
    x = layers.Dense(64, "relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10)(x))


def residual_network() -> keras.Model:
    """Three residual blocks at 16 x 16, 8 x 8 and 4 x 4 pixels with 32, 64 and 128 channels, for the same images and logits."""
    inputs = keras.Input((32, 32, 3))
    # Pooling before the normalisation makes this, the largest layer of all, four times cheaper from there on.
    x = layers.MaxPooling2D(2)(layers.Conv2D(32, 3, padding="same", use_bias=False)(inputs))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = two_convolutions(x, 32, momentum=0.99)
    for channels in (64, 128):
        x = layers.ReLU()(convolution(x, channels, momentum=0.99, strides=2, padding="same"))
        x = two_convolutions(x, channels, momentum=0.99)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


class Batches(keras.utils.PyDataset):
    """Mini-batches in a fresh order every epoch: images from 0 to 1, shape (BATCH, 32, 32, 3), and their labels.

    With augmentation every image is shifted by up to SHIFT pixels in both directions, mirroring what is beyond its edge, and every other
    one is flipped left to right.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, seed: int, augment: bool) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.labels, self.shift = labels, SHIFT if augment else 0
        edge = (self.shift, self.shift)
        # A view, not a copy, of shape (n, 2 SHIFT + 1, 2 SHIFT + 1, 3, 32, 32): every shift of every image.
        self.windows = sliding_window_view(np.pad(images, ((0, 0), edge, edge, (0, 0)), mode="reflect"), (32, 32), axis=(1, 2))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.labels) // BATCH)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[number * BATCH : (number + 1) * BATCH]
        down, right = self.rng.integers(2 * self.shift + 1, size=(2, len(rows)))
        images = np.moveaxis(self.windows[rows, down, right], 1, 3).astype("float32") / 255
        if self.shift:
            flipped = self.rng.random(len(rows)) < 0.5
            images[flipped] = images[flipped, :, ::-1]
        return images, self.labels[rows]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.labels))


class Progress(keras.callbacks.Callback):
    """A bar over the mini-batches, a line in the log for each epoch, and the seconds of each epoch's training alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.seconds = name, []

    def on_train_begin(self, logs=None) -> None:
        self.bar = tqdm(total=self.params["epochs"] * self.params["steps"], desc=self.name, unit="batch", leave=False)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None) -> None:
        self.end = time.perf_counter()
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None) -> None:
        self.seconds.append(self.end - self.start)
        scores = ", ".join(f"{key} {value:.4f}" for key, value in logs.items())
        log.info("%s, epoch %d: %s, %.1f s", self.name, epoch + 1, scores, self.seconds[-1])

    def on_train_end(self, logs=None) -> None:
        self.bar.close()


def fit(name: str, model: keras.Model, optimizer, train, held_out, *, epochs: int, seed: int, augment: bool = False) -> Arrays:
    """Train a network and return its history: arrays of shape (epochs,), by name."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)  # XLA slows convolutions on processors
    progress = Progress(name)
    x, t = held_out
    history = model.fit(
        Batches(*train, seed, augment),
        validation_data=(x.astype("float32") / 255, t),
        validation_batch_size=500,
        epochs=epochs,
        verbose=0,
        callbacks=[progress],
    ).history
    names = {"loss": "training_loss", "accuracy": "training_accuracy", "val_loss": "held_out_loss", "val_accuracy": "held_out_accuracy"}
    return {names[key]: np.array(values) for key, values in history.items()} | {"seconds": np.array(progress.seconds)}


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The class of each image, shape (n,)."""
    parts = np.array_split(images, -(-len(images) // 500))
    return np.concatenate([model.predict_on_batch(part.astype("float32") / 255).argmax(axis=1) for part in parts])


def save(path: Path, arrays: Arrays) -> None:
    """Write a file in one step, so that there is never half of one."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        np.savez_compressed(file, **arrays)
    new.replace(path)


def once(path: Path, run: Callable[[], Arrays]) -> Arrays:
    """The result of a run that was finished earlier, or of running it now."""
    if not path.is_file():
        save(path, run())
    log.info("%s is finished: %s", path.stem, path)
    with np.load(path) as stored:
        return dict(stored)


def full_run(data, name: str, epochs: int) -> Arrays:
    """Train one of the two networks on all training images; the test images are looked at, and decide nothing."""
    keras.utils.set_random_seed(0)
    train, test = (data.x_train, data.t_train), (data.x_test, data.t_test)
    if name == "plain":
        model, optimizer = source_network(), keras.optimizers.Adam()
    else:
        steps = epochs * -(-len(data.t_train) // BATCH)
        rate = keras.optimizers.schedules.CosineDecay(0.0, steps - steps // 5, warmup_target=PEAK, warmup_steps=steps // 5)
        model, optimizer = residual_network(), keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=0.005)
    result = fit(name, model, optimizer, train, test, epochs=epochs, seed=0, augment=name == "residual")
    # Half precision halves the file. The confusion matrix is that of the weights as they are shipped.
    weights = [array.astype(np.float16) for array in model.get_weights()]
    model.set_weights([array.astype(np.float32) for array in weights])
    confusion = np.zeros((10, 10), dtype=np.int64)
    np.add.at(confusion, (data.t_test, predict(model, data.x_test)), 1)
    log.info(
        "%s: test accuracy %.4f, with the shipped weights %.4f",
        name,
        result["held_out_accuracy"][-1],
        np.trace(confusion) / confusion.sum(),
    )
    return result | {"confusion": confusion} | {f"w{number:02d}": array for number, array in enumerate(weights)}


def with_ingredient(name: str) -> tuple[keras.Model, bool]:
    """The network of the sources with one ingredient, and whether its images are augmented."""
    settings = dict(INGREDIENTS[name])
    augment = settings.pop("augment", False)
    return source_network(**settings), augment


def ingredient_run(data, name: str, seed: int, plan: Plan) -> Arrays:
    """Train the network of the sources with one ingredient, on a part of the training images; others of them are held out."""
    keras.utils.set_random_seed(seed)
    n, m = plan.ingredient_images, plan.ingredient_held_out
    train, held_out = (data.x_train[:n], data.t_train[:n]), (data.x_train[-m:], data.t_train[-m:])
    (model, augment), label = with_ingredient(name), f"{name}, seed {seed}"
    result = fit(label, model, keras.optimizers.Adam(), train, held_out, epochs=plan.ingredient_epochs, seed=seed, augment=augment)
    return result | {"test_accuracy": np.mean(predict(model, data.x_test) == data.t_test), "parameters": np.array(model.count_params())}


def timings(data, plan: Plan, steps: int = 10) -> Arrays:
    """Processor seconds, of all cores together, that each ingredient's network needs for one mini-batch, its preparation included.

    All networks take turns, a few mini-batches each, so that whatever else the machine does falls on all alike; the fastest turn counts.
    """
    trials = []
    for name in plan.ingredients:
        model, augment = with_ingredient(name)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        trials.append((model, Batches(data.x_train[: steps * BATCH], data.t_train[: steps * BATCH], 0, augment)))
        model.train_on_batch(*trials[-1][1][0])  # compiles
    seconds = np.empty((plan.timed_rounds, len(trials)))
    for turn in tqdm(range(plan.timed_rounds), desc="timings", leave=False):
        for column, (model, batches) in enumerate(trials):
            start = time.process_time()
            for number in range(len(batches)):
                model.train_on_batch(*batches[number])
            seconds[turn, column] = (time.process_time() - start) / len(batches)
    return {"step_seconds": seconds.min(axis=0)}


def short_runs(data, plan: Plan) -> Arrays:
    """The lecture's short live training, from several seeds: few images, few epochs."""
    accuracy = []
    for seed in range(plan.short_seeds):
        keras.utils.set_random_seed(seed)
        model, n = source_network(), plan.short_images
        train, test = (data.x_train[:n], data.t_train[:n]), (data.x_test, data.t_test)
        result = fit(f"short, seed {seed}", model, keras.optimizers.Adam(), train, test, epochs=plan.short_epochs, seed=seed)
        accuracy.append(result["held_out_accuracy"][-1])
    return {"accuracy": np.array(accuracy)}


def baselines(data) -> Arrays:
    """Test accuracy of two methods without a hidden layer, fitted on the pixels of all training images."""
    x_train, x_test = (x.reshape(len(x), -1).astype("float32") / 255 for x in (data.x_train, data.x_test))
    models = {"logistic_regression": LogisticRegression(C=0.01, max_iter=200), "nearest_neighbours": KNeighborsClassifier(10)}
    return {name: model.fit(x_train, data.t_train).score(x_test, data.t_test) for name, model in models.items()}


def train_all(data, plan: Plan, runs: Path, destination: Path) -> None:
    """Do every run that `runs` does not hold yet, and write the three files into `destination`."""
    runs.mkdir(parents=True, exist_ok=True)
    histories, weights = {}, {}
    for name, epochs in (("plain", plan.plain_epochs), ("residual", plan.residual_epochs)):
        result = once(runs / f"{name}.npz", partial(full_run, data, name, epochs))
        weights[name] = {key: array for key, array in result.items() if key.startswith("w")}
        histories |= {f"{name}_{key}": array for key, array in result.items() if not key.startswith("w")}
    histories |= {f"baseline_{key}": array for key, array in once(runs / "baselines.npz", partial(baselines, data)).items()}
    histories["short_accuracy"] = once(runs / "short.npz", partial(short_runs, data, plan))["accuracy"]
    histories["ingredient_step_seconds"] = once(runs / "timings.npz", partial(timings, data, plan))["step_seconds"]
    found = {
        (name, seed): once(runs / f"{name}, seed {seed}.npz", partial(ingredient_run, data, name, seed, plan))
        for seed in range(plan.ingredient_seeds)
        for name in plan.ingredients
    }
    for key in sorted(next(iter(found.values())).keys() - {"seconds"}):  # seconds of different hours do not compare
        rows = [[found[name, seed][key] for seed in range(plan.ingredient_seeds)] for name in plan.ingredients]
        histories[f"ingredient_{key}"] = np.array(rows)
    histories["ingredients"] = np.array(plan.ingredients)
    save(destination / "cifar10_histories.npz", histories)
    for name, arrays in weights.items():
        save(destination / f"cifar10_{name}.npz", arrays)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data = load_cifar10()
    if not data.real:
        sys.exit("only the stand-in for CIFAR-10 is here, but shipped results need the real images: put cifar10.npz into $PHYSNETS_DATA.")
    with logging_redirect_tqdm():
        train_all(data, Plan(), pooch.os_cache("physnets") / "train_cifar10", DATA)
    write_registry()


if __name__ == "__main__":
    main()
