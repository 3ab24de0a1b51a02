"""Many trainings of one network, each exactly as Keras' own `fit` would do it, in a fraction of the time.

Of a small network's epoch in `fit` nearly all is spent between the steps, in Python. Here the whole training, every step of every epoch, the
judging and the early stopping, is one compiled program. It is traced once and then run for one member after another, on every processor
core, with that member's initial weights, learning rate and data; no variable is shared, so a member that diverges disturbs nobody.
"""

import inspect
import os
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from unittest import mock

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from physnets.inputs import labels, number, numbers, short, text, whole

if TYPE_CHECKING:
    import keras

Data = tuple[np.ndarray, np.ndarray]
Build = Callable[..., "keras.Model"]

EVALUATION_BATCH = 500  # samples; bounds the memory that a network's activations take at once
STEPS_A_CALL = 500  # after so many steps the progress is shown
MOST_THREADS = 4
_ONE_AT_A_TIME = threading.Lock()  # what is built or traced: the random state belongs to the process, a trace's variables to the program
_SETTINGS = ("seed", "eta", "lmbd")  # the columns that the engine sets; all others go to the function that builds the model


@dataclass(frozen=True, eq=False)
class Trained:
    """The outcome of many trainings.

    Attributes:
        members: a row for each member, in the order given. Behind its columns stand `epochs` (how many it was trained for), `diverged`
            (whether a weight is infinite or not a number), and the loss and the metrics of the weights that were kept on all its
            training and all validation data (`training loss`, `validation accuracy`, ...), missing if it diverged. Penalties count as a
            part of the loss, as in Keras.
        history: what Keras' `fit` records, by its names (`loss`, `val_loss`, ...), shape (members, epochs); NaN after a member stopped.
        weights: for each member its arrays, the trainable ones first.
    """

    members: pd.DataFrame
    history: dict[str, np.ndarray]
    weights: list[list[np.ndarray]]
    _build: Build = field(repr=False)
    _arguments: list[dict] = field(repr=False)
    _used: dict = field(default_factory=dict, repr=False)

    def model(self, member: int) -> "keras.Model":
        """Return one member (a row of `members`, counted from 0) as an ordinary compiled Keras model of its own."""
        member = whole(member, "the member", 0, len(self.weights) - 1)
        return _with_weights(_new(self._build, self._arguments[member]), self.weights[member])

    def each(self, function: Callable[["keras.Model"], object]) -> list:
        """Return `function(model)` for every member in turn, the model being one Keras model of its kind that takes the member's weights."""
        if not callable(function):
            raise ValueError(f"the function is {short(function)}, expected a function of a Keras model.")
        results = []
        for arguments, weights in zip(self._arguments, self.weights, strict=True):
            kind = repr(arguments)
            if kind not in self._used:  # kept, because a model compiles what is done with it at the first time
                self._used[kind] = _new(self._build, arguments)
            results.append(function(_with_weights(self._used[kind], weights)))
        return results

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs of all members, shape (members, n, ...), for inputs of shape (n, ...)."""
        inputs = numbers(inputs, "the inputs", ("n", ...), dtype=np.float32)
        parts = [inputs[start : start + EVALUATION_BATCH] for start in range(0, len(inputs), EVALUATION_BATCH)]

        def outputs(model):
            _check_shape(model, inputs, "the")
            return np.concatenate([np.asarray(model.predict_on_batch(part)) for part in parts])

        return np.stack(self.each(outputs))

    def table(self, column: str) -> pd.DataFrame:
        """Return one column of `members` as a table with a row for each learning rate and a column for each penalty, for `heatmap`."""
        if text(column, "the column") not in self.members:
            raise ValueError(f"no column is called {short(column)}; there are: {', '.join(map(str, self.members))}.")
        if not {"eta", "lmbd"} <= set(self.members) or self.members.duplicated(["eta", "lmbd"]).any():
            raise ValueError("several members share a learning rate and a penalty, expected one member for each cell of the table.")
        table = self.members.pivot(index="eta", columns="lmbd", values=column)
        return table.rename_axis(index=r"learning rate $\eta$", columns=r"penalty $\lambda$")


def train_grid(
    build: "keras.Model | Build",
    train: Data,
    validation: Data,
    etas: Sequence[float],
    lmbds: Sequence[float],
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
) -> Trained:
    """Train a network for every pair of a learning rate and a penalty, all from one seed, as `train_members` does it.

    Args:
        build: the network, as in `train_members`.
        train: inputs and targets to train on.
        validation: inputs and targets to judge by.
        etas: learning rates, at least one.
        lmbds: L2 penalties, at least one.
        epochs: passes through the training data, 1 or more.
        batch_size: samples in a step, 1 or more.
        seed: of every member, so that these differ in nothing else.

    Raises:
        ValueError: as in `train_members`.
    """
    values = (numbers(given, name, (), ("n",)).ravel() for given, name in ((etas, "the learning rates"), (lmbds, "the penalties")))
    points = pd.MultiIndex.from_product(values, names=["eta", "lmbd"]).to_frame(index=False)
    points["seed"] = whole(seed, "the seed", 0, 2**32 - 1)
    return train_members(build, train, points, epochs=epochs, batch_size=batch_size, validation=validation)


def train_members(
    build: "keras.Model | Build",
    train: Data,
    members: pd.DataFrame,
    *,
    epochs: int,
    batch_size: int,
    validation: Data | None = None,
    patience: int | None = None,
    sample_weight: np.ndarray | None = None,
    class_weight: Mapping[int, float] | None = None,
    rows: np.ndarray | None = None,
    n_jobs: int | None = None,
) -> Trained:
    r"""Train a Keras model once for each row of a table, with what that row says.

    A member with the seed s starts as the model that `keras.utils.set_random_seed(s)` and `build(...)` make, dropout included, and gets its
    mini-batches from the rows of `numpy.random.default_rng(s).permutation(n)`, drawn anew for each epoch; with all samples in one
    batch their order stays. Everything else is Keras': loss, metrics, optimiser, schedule, clipping, precision. A model that was compiled with
    `jit_compile=True` is trained in a program of TensorFlow's compiler XLA, which pays for long trainings without recurrence or dropout.

    Args:
        build: a compiled `keras.Model` with one input and one output, whose weights stay as they are; or a function that returns one.
        train: inputs of shape (n, ...) and targets, finite.
        members: a row for each member. The columns `seed` (0 where there is none), `eta` (learning rate) and `lmbd` (L2 penalty: half of it
            times the sum of all squared weights called `kernel` is added to the loss, as `keras.regularizers.L2(lmbd / 2)` does) are set
            by this function; all others are arguments of `build`.
        epochs: passes through the training data, 1 or more.
        batch_size: samples in a step, 1 or more; the last batch of an epoch takes what is left.
        validation: inputs and targets that are judged after every epoch.
        patience: stop a member when its validation loss has not fallen for so many epochs, and keep the weights with which it was lowest;
            None trains all epochs and keeps the last weights.
        sample_weight: shape (n,), or (members, n) for weights of each member's own, 0 or more.
        class_weight: a factor for the samples of each class.
        rows: shape (members, m), the rows of the training data that each member sees (n becomes m): a bootstrap, a subset.
        n_jobs: in how many processes members are trained, -1 for one a core. Left out, a surrounding `joblib.parallel_config` decides, which
            may name a Dask cluster; without one all are trained in this process.

    Raises:
        ValueError: one of the arguments is not as described; nothing has been trained then.
    """
    build = _builder(build)
    table, arguments, model = _checked_members(members, build)
    epochs, batch_size = (
        whole(value, f"the {what}", 1, 2**31 - 1) for value, what in ((epochs, "number of epochs"), (batch_size, "batch size"))
    )
    if patience is not None and (whole(patience, "the patience") and validation is None):
        raise ValueError("a patience is given and no validation data, expected data whose loss can be watched.")
    parts = {"training": _checked_data(model, train, "training")}
    if validation is not None:
        parts["validation"] = _checked_data(model, validation, "validation")
    x, t = parts["training"]
    if rows is not None:
        rows = _checked_rows(rows, len(table), len(x))
    weights = _sample_weights(sample_weight, class_weight, t, len(table))

    groups: dict[str, list[int]] = {}
    for member, kind in enumerate(map(repr, arguments)):
        groups.setdefault(kind, []).append(member)
    if not (n_jobs is None or (isinstance(n_jobs, int) and n_jobs == -1)):
        n_jobs = whole(n_jobs, "n_jobs", 1, 2**31 - 1)
    jobs = joblib.effective_n_jobs(n_jobs)
    pieces = [piece for group in groups.values() for piece in np.array_split(group, min(jobs, len(group)))]
    with tqdm(total=epochs * len(table), desc=f"training {len(table)} network{'s'[: len(table) - 1]}", unit="epoch") as bar:
        tasks = (
            joblib.delayed(_train_piece)(
                build,
                arguments[piece[0]],
                ({"seed": [0] * len(piece)} | table.iloc[piece].to_dict("list")),
                # The arrays travel inside a dictionary, with every task: as arguments of their own joblib would leave one copy of them with one
                # Dask worker, and when that worker died the training could not go on.
                {
                    "parts": parts,
                    "rows": None if rows is None else rows[piece],
                    "weights": weights if weights is None or weights.ndim == 1 else weights[piece],
                },
                {"epochs": epochs, "batch_size": batch_size, "patience": patience, "penalty": "lmbd" in table},
                bar.update if jobs == 1 else None,
            )
            for piece in pieces
        )
        results: list[dict] = [{}] * len(table)
        for piece, found in zip(pieces, joblib.Parallel(n_jobs=n_jobs, return_as="generator")(tasks), strict=True):
            for member, result in zip(piece, found, strict=True):
                results[member] = result
            if jobs > 1:
                bar.update(epochs * len(piece))
        bar.update(bar.total - bar.n)  # those that stopped early

    scores = pd.DataFrame([result["scores"] for result in results])
    history = {name: np.stack([result["history"][name] for result in results]) for name in results[0]["history"]}
    return Trained(pd.concat([table, scores], axis=1), history, [result["weights"] for result in results], build, arguments)


def _train_piece(build, arguments, table, data, how, update) -> list[dict]:
    """Train members of one kind, in as many threads as there are cores for them."""
    seeds = table["seed"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = min(len(seeds), cores, MOST_THREADS) if update else 1
    program = _Program(_new(build, arguments), data["parts"], how)
    stop = threading.Event()

    def own(member: int) -> tuple:
        rows, weights = data["rows"], data["weights"]
        return None if rows is None else rows[member], weights if weights is None or weights.ndim == 1 else weights[member]

    def share(first: int) -> list[dict]:
        variables = program.variables()
        return [
            program.train(
                variables,
                starts[seeds[member]],
                {name: values[member] for name, values in table.items()},
                *own(member),
                update or (lambda done: None),
                stop,
            )
            for member in range(first, len(seeds), threads)
        ]

    with ThreadPoolExecutor(threads) as pool:
        compiled = pool.submit(program.compile, *own(0))
        # Models are made here, in Python, while the compiler works; Keras' settings, such as its precision, belong to this thread.
        starts = {seed: _arrays(_new(build, arguments, seed)) for seed in dict.fromkeys(seeds)}
        compiled.result()
        shares = [pool.submit(share, first) for first in range(threads)]
        try:
            found = [one.result() for one in shares]
        except BaseException:  # an interrupt too: the other threads end after the epochs they are in
            stop.set()
            raise
    return [found[member % threads][member // threads] for member in range(len(seeds))]


class _Program:
    """A model and the compiled program that trains it, to be run for one member after another with variables of each thread's own."""

    def __init__(self, model: "keras.Model", parts: dict[str, Data], how: dict):
        import keras
        import tensorflow as tf

        self.model, self.how = model, how
        self.optimizer = model.optimizer
        self.jit = bool(model.jit_compile) and _has_sound_compiler()
        if self.jit:
            _batch_last(model)
        self.parts = {name: (tf.constant(x), tf.constant(t)) for name, (x, t) in parts.items()}
        self.optimizer.build(model.trainable_variables)
        _prepare(model, *(array[:2] for array in parts["training"]))
        self.weights = [*model.trainable_variables, *model.non_trainable_variables]
        self.kernels = [variable for variable in model.trainable_variables if variable.name == "kernel"]
        self.penalty, self.lowest, self.waited = (keras.Variable(0.0, trainable=False) for _ in range(3))
        self.best = [keras.Variable(variable, trainable=False) for variable in self.weights] if how["patience"] else []
        self.state = [
            *self.weights,
            *self.best,
            *self.optimizer.variables,
            *model.metrics_variables,
            self.penalty,
            self.lowest,
            self.waited,
        ]
        self.initial = [variable.numpy() for variable in self.state]
        self.traced = {}

    def variables(self) -> list:
        """Return TensorFlow's variables for one thread, a copy of each of the program's own."""
        import tensorflow as tf

        return [tf.Variable(value, trainable=own.trainable) for own, value in zip(self.state, self.initial, strict=True)]

    def compile(self, rows, weights) -> None:
        """Let XLA compile the program, by a call that trains no epoch; without XLA there is nothing that takes long."""
        import tensorflow as tf

        if self.jit:
            x, t, w, a_call = self._data(rows, weights)
            orders = tf.zeros((a_call, x.shape[0]), tf.int32)
            self._call(self._epochs, self.variables(), x, t, w, orders, tf.constant(0), tf.constant(np.inf), jit=True)

    def _data(self, rows, weights) -> tuple:
        """Inputs, targets and weights of a member's own, and how many epochs one call trains."""
        import tensorflow as tf

        x, t = self.parts["training"]
        w = None if weights is None else tf.constant(weights, "float32")
        if rows is not None:
            x, t, w = tf.gather(x, rows), tf.gather(t, rows), None if w is None else tf.gather(w, rows)
        steps = -(-x.shape[0] // self.how["batch_size"])
        return x, t, w, min(self.how["epochs"], -(-STEPS_A_CALL // steps))

    def train(self, variables, start, settings, rows, weights, update, stop) -> dict:
        """Train one member; return its weights, history and scores."""
        import tensorflow as tf

        of = self._start(variables, start, settings)
        x, t, w, a_call = self._data(rows, weights)
        rng = np.random.default_rng(settings["seed"])
        n, epochs = x.shape[0], self.how["epochs"]
        records, done, patience = [], 0, self.how["patience"] or np.inf
        while done < epochs and of[id(self.waited)].numpy() < patience and not stop.is_set():
            orders = [np.arange(n) if self.how["batch_size"] >= n else rng.permutation(n) for _ in range(a_call)]
            now = min(a_call, epochs - done)
            order = tf.constant(np.stack(orders), tf.int32)
            limits = tf.constant(now), tf.constant(patience, tf.float32)
            record = self._call(self._epochs, variables, x, t, w, order, *limits, jit=self.jit)
            records.append({name: values.numpy()[:now] for name, values in record.items()})
            done += now
            update(now)
        history = {name: np.concatenate([record[name] for record in records]) for name in records[0]}
        trained_for = int(np.sum(history.pop("trained")))
        history = {
            name: np.pad(values[:trained_for], (0, epochs - trained_for), constant_values=np.nan) for name, values in history.items()
        }
        for variable, kept in zip(self.weights, self.best, strict=False):  # there are none without a patience
            of[id(variable)].assign(of[id(kept)])
        arrays = [of[id(variable)].numpy() for variable in self.weights]
        diverged = not all(np.isfinite(array).all() for array in arrays)
        scores = {"epochs": trained_for, "diverged": diverged}
        for part, (inputs, targets) in (self.parts | {"training": (x, t)}).items():
            for name, value in self._call(self._judge, variables, inputs, targets).items():
                scores[f"{part} {name}"] = np.nan if diverged else float(value)
        return {"weights": arrays, "history": history, "scores": scores}

    def _start(self, variables, start, settings) -> dict:
        """Set a thread's variables to a member's beginning; return them by the `id` of the program's own that each stands for."""
        of = dict(zip(map(id, self.state), variables, strict=True))
        for variable, value in zip(variables, self.initial, strict=True):
            variable.assign(value)
        for variables_of_weights in (self.weights, self.best):
            for variable, array in zip(variables_of_weights, start, strict=False):
                of[id(variable)].assign(array)
        if "eta" in settings:
            of[id(self.optimizer.learning_rate)].assign(settings["eta"])
        of[id(self.penalty)].assign(settings.get("lmbd", 0.0))
        of[id(self.lowest)].assign(np.inf)
        return of

    def _call(self, function, variables, *arguments, jit=False):
        """Call one of the functions of tensors below as a compiled program with a thread's variables; the first call traces it."""
        import tensorflow as tf

        if function not in self.traced:
            with _ONE_AT_A_TIME:
                if function not in self.traced:  # another thread may have been faster
                    compiled = tf.function(partial(self._with, function), autograph=False, jit_compile=jit)
                    any_n = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in arguments] if function == self._judge else arguments
                    self.traced[function] = compiled.get_concrete_function(variables, *any_n)
        return self.traced[function](variables, *arguments)

    def _with(self, function, variables, *arguments):
        """While a function is traced, let Keras' variables stand for the ones that the program is given as its arguments."""
        with ExitStack() as stack:
            for own, given in zip(self.state, variables, strict=True):
                stack.enter_context(mock.patch.object(own._value, "_handle", given.handle))
            return function(*arguments)

    def _epochs(self, x, t, w, orders, epochs, patience):
        """Train some epochs, shape of `orders` (epochs, n); return what Keras records of each, and whether it was trained."""
        import tensorflow as tf

        most, n = orders.shape
        batch_size = min(self.how["batch_size"], n)
        judged = self.parts.get("validation")
        names = list(self._metrics()) + ([f"val_{name}" for name in self._metrics()] if judged else []) + ["trained"]

        def one_epoch(epoch, records):
            self._forget()
            order = tf.gather(orders, epoch)
            total = self._over_batches(n, batch_size, lambda places: self._step(x, t, w, tf.gather(order, places)), self.jit)
            found = self._metrics() | {"loss": total / n, "trained": 1.0}
            if judged:
                scores = self._judge(*judged, self.jit)
                found |= {f"val_{name}": value for name, value in scores.items()}
                if self.how["patience"]:
                    self._watch(scores["loss"])
            return epoch + 1, {name: record.write(epoch, tf.cast(found[name], tf.float32)) for name, record in records.items()}

        records = {name: tf.TensorArray(tf.float32, most, element_shape=()) for name in names}
        _, records = tf.while_loop(lambda epoch, _: (epoch < epochs) & (self.waited.value < patience), one_epoch, (0, records))
        return {name: record.stack() for name, record in records.items()}

    def _step(self, x, t, w, rows):
        """One step of the optimiser; return the loss of the batch times its number of samples."""
        import tensorflow as tf

        model = self.model
        x, t, w = tf.gather(x, rows), tf.gather(t, rows), None if w is None else tf.gather(w, rows)
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = self._loss(x, t, outputs, w, training=True)
            scaled = self.optimizer.scale_loss(loss)
        self.optimizer.apply(tape.gradient(scaled, model.trainable_variables), model.trainable_variables)
        model.compute_metrics(x, t, outputs, sample_weight=w)
        return tf.cast(loss, tf.float32) * tf.cast(tf.shape(rows)[0], tf.float32)

    def _loss(self, x, t, outputs, w, training):
        import tensorflow as tf

        loss = self.model.compute_loss(x=x, y=t, y_pred=outputs, sample_weight=w, training=training)
        if not self.how["penalty"]:
            return loss
        rows = [tf.reshape(tf.cast(kernel.value, loss.dtype), [1, -1]) for kernel in self.kernels]
        squares = tf.add_n([tf.matmul(row, row, transpose_b=True) for row in rows])[0, 0]  # a product takes half the time of a sum
        return loss + tf.cast(self.penalty.value, loss.dtype) / 2 * squares

    def _judge(self, x, t, jit=False):
        """Loss and metrics of the present weights, as Keras' `evaluate` has them."""
        import tensorflow as tf

        def one_batch(places):
            part, targets = tf.gather(x, places), tf.gather(t, places)
            outputs = self.model(part, training=False)
            self.model.compute_metrics(part, targets, outputs)
            loss = self._loss(part, targets, outputs, None, training=False)
            return tf.cast(loss, tf.float32) * tf.cast(tf.shape(places)[0], tf.float32)

        n = x.shape[0] or tf.shape(x)[0]
        self._forget()
        total = self._over_batches(n, EVALUATION_BATCH, one_batch, jit)
        return self._metrics() | {"loss": total / tf.cast(n, tf.float32)}

    @staticmethod
    def _over_batches(n, batch_size, function, jit):
        """The sum of `function(places)` over batches of the places 0 to n - 1."""
        import tensorflow as tf

        if not jit:
            return _loop(0, n, batch_size, lambda start: function(tf.range(start, tf.minimum(start + batch_size, n))))
        end = n // batch_size * batch_size
        total = _loop(0, end, batch_size, lambda start: function(start + tf.range(batch_size))) if end else 0.0
        return (
            total + function(tf.range(end, n)) if end < n else total
        )  # XLA knows no lengths that change, so the last batch is traced apart

    def _watch(self, loss) -> None:
        """Keep the weights if they are the best so far, or count one more epoch in vain."""
        import tensorflow as tf

        better = loss < self.lowest.value
        self.lowest.assign(tf.where(better, loss, self.lowest.value))
        self.waited.assign(tf.where(better, 0.0, self.waited.value + 1))
        for kept, variable in zip(self.best, self.weights, strict=False):
            kept.assign(tf.where(better, variable.value, kept.value))

    def _metrics(self) -> dict:
        """The metrics of the batches since the last `_forget`; a place for the loss, which is counted apart, among them."""
        return {"loss": 0.0} | {name: value for name, value in self.model.get_metrics_result().items() if name != "loss"}

    def _forget(self) -> None:
        for metric in self.model.metrics:
            metric.reset_state()


def _loop(start, end, step, function):
    """The sum of `function(start)` over the starts of all steps, as a loop within a compiled program."""
    import tensorflow as tf

    return tf.while_loop(lambda start, _: start < end, lambda start, total: (start + step, total + function(start)), (start, 0.0))[1]


def _has_sound_compiler() -> bool:
    """Whether TensorFlow's compiler, XLA, can be used: TensorFlow for Windows comes without it, and that of 2.16 and 2.17 computed grids wrongly."""
    try:
        release = version("tensorflow").split(".")
    except PackageNotFoundError:  # a build under another name
        return False
    return sys.platform != "win32" and (int(release[0]), int(release[1])) >= (2, 18)


def _batch_last(model: "keras.Model") -> None:
    """Let convolutions be products with patches, and pooling compare slices, with the samples along the last axis.

    So written XLA computes them several times faster than its own convolutions and its own gradient of a maximum, because its loops then
    run over many samples in a row. Of equal values in a pool the first one gets the gradient, as in TensorFlow.
    """
    import tensorflow as tf

    def convolve(layer, inputs, kernel):
        channels, filters = kernel.shape[-2:]
        size, stride, step = (tuple(value) + (1,) * (2 - layer.rank) for value in (layer.kernel_size, layer.strides, layer.dilation_rate))
        x = inputs if layer.rank == 2 else inputs[:, :, tf.newaxis]
        reach = [(k - 1) * d + 1 for k, d in zip(size, step, strict=True)]
        if layer.padding == "same":
            lack = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(x.shape[1:3], stride, reach, strict=True)]
            x = tf.pad(x, [[0, 0], *([amount // 2, amount - amount // 2] for amount in lack), [0, 0]])
        height, width = ((n - r) // s + 1 for n, s, r in zip(x.shape[1:3], stride, reach, strict=True))
        x = tf.transpose(x, [3, 1, 2, 0])
        corners = [(i * step[0], j * step[1]) for i in range(size[0]) for j in range(size[1])]
        patches = [
            x[:, i : i + (height - 1) * stride[0] + 1 : stride[0], j : j + (width - 1) * stride[1] + 1 : stride[1]] for i, j in corners
        ]
        patches = tf.reshape(tf.concat(patches, 0), [len(corners) * channels, -1])
        sums = tf.matmul(tf.reshape(kernel, [-1, filters]), patches, transpose_a=True)
        sums = tf.transpose(tf.reshape(sums, [filters, height, width, -1]), [3, 1, 2, 0])
        return sums if layer.rank == 2 else sums[:, :, 0]

    def largest(layer, inputs):
        (rows, columns), (height, width, channels) = layer.pool_size, inputs.shape[1:]
        x = tf.transpose(inputs, [3, 1, 2, 0])[:, : height // rows * rows, : width // columns * columns]
        x = tf.reshape(x, [channels, height // rows, rows, width // columns, columns, -1])
        for axis in (4, 2):
            slices = tf.unstack(x, axis=axis)
            x = slices[0]
            for other in slices[1:]:
                x = tf.maximum(x, other)
        return tf.transpose(x, [3, 1, 2, 0])

    for layer in model.layers:
        kind = type(layer).__name__
        plain = getattr(layer, "data_format", None) == "channels_last"
        if kind in ("Conv1D", "Conv2D") and plain and layer.groups == 1 and layer.padding in ("valid", "same"):
            layer.convolution_op = lambda inputs, kernel, layer=layer: convolve(layer, inputs, kernel)
        if kind == "MaxPooling2D" and plain and layer.padding == "valid" and tuple(layer.strides) == tuple(layer.pool_size):
            layer.call = lambda inputs, layer=layer: largest(layer, inputs)


def _new(build, arguments, seed=0) -> "keras.Model":
    """The model that one gets after `keras.utils.set_random_seed(seed)`, without a trace in Python's and NumPy's own random numbers."""
    import keras

    # Keras draws its layers' seeds with `random.randint`, and a Dask worker's other threads draw from the same generator when they like. So
    # Keras gets one of its own, which starts as that one would.
    with _ONE_AT_A_TIME, mock.patch.object(random, "randint", random.Random(seed).randint):
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            keras.utils.set_random_seed(seed)
            return build(**arguments)
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def _arrays(model) -> list[np.ndarray]:
    return [variable.numpy() for variable in (*model.trainable_variables, *model.non_trainable_variables)]


def _with_weights(model, arrays):
    for variable, array in zip((*model.trainable_variables, *model.non_trainable_variables), arrays, strict=True):
        variable.assign(array)
    return model


def _prepare(model, x, t) -> None:
    """Let the loss and the metrics make their variables, which a compiled program must not."""
    outputs = model(x)
    model.compute_loss(x=x, y=t, y_pred=outputs)
    model.compute_metrics(x, t, outputs)


def _builder(build) -> Build:
    """The function that makes a model anew, from one or from a model."""
    import keras

    if not isinstance(build, keras.Model):
        if not callable(build):
            raise ValueError(f"the network is {short(build)}, expected a compiled Keras model or a function that returns one.")
        return build
    _check_model(build)
    try:
        config = keras.saving.serialize_keras_object(build)
        _new(_Copies(config), {})
    except Exception:  # a function of one's own within it, whatever Keras raises then
        raise ValueError(
            f"the model {build.name!r} cannot be copied, since it holds functions of your own; expected a function that builds it."
        ) from None
    return _Copies(config)


@dataclass(frozen=True)
class _Copies:
    """Makes copies of a model with fresh weights, also in another process."""

    config: dict

    def __call__(self) -> "keras.Model":
        import keras

        return keras.saving.deserialize_keras_object(self.config, safe_mode=False)


def _check_model(model) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise ValueError(f"the function that builds the network returned {short(model)}, expected a compiled Keras model.")
    if not model.built or len(getattr(model, "inputs", None) or []) != 1 or len(getattr(model, "outputs", None) or []) != 1:
        raise ValueError(
            f"the model {model.name!r} is not built or has several inputs or outputs, expected one keras.Input and one output."
        )
    if not model.compiled or model.optimizer is None or not model.loss:
        raise ValueError(f"the model {model.name!r} is not compiled, expected model.compile(optimizer, loss) before.")


def _checked_members(members, build) -> tuple[pd.DataFrame, list[dict], "keras.Model"]:
    """The table with numbers of the right type, each member's arguments for `build`, and one of the models, which are all checked."""
    if not isinstance(members, pd.DataFrame) or members.empty or not all(isinstance(name, str) for name in members):
        raise ValueError(f"the members are {short(members)}, expected a DataFrame with a row for each and names of columns.")
    table = members.reset_index(drop=True)
    if "seed" in table:
        table["seed"] = [whole(value, "a seed", 0, 2**32 - 1) for value in table["seed"]]
    for name, what in (("eta", "a learning rate"), ("lmbd", "a penalty")):
        if name in table:
            table[name] = [number(value, what, 0) for value in table[name]]
    others = [name for name in table if name not in _SETTINGS]
    arguments = [dict(zip(others, row, strict=True)) for row in zip(*(table[name].tolist() for name in others), strict=True)]
    arguments = arguments or [{} for _ in range(len(table))]
    if isinstance(build, _Copies) and others:
        raise ValueError(f"the table has the columns {others}, which a model cannot take; expected a function with these arguments.")
    try:
        inspect.signature(build).bind(**arguments[0])
    except TypeError as error:
        raise ValueError(
            f"the function that builds the network cannot be called with {short(arguments[0])}, expected columns that fit it: {error}."
        ) from None
    for kind in {repr(one): one for one in arguments}.values():
        model = _new(build, kind)
        _check_model(model)
        if "eta" in table and callable(getattr(model.optimizer, "_learning_rate", None)):
            raise ValueError("the table has a column 'eta' and the optimiser a schedule of learning rates, expected one of them.")
    return table, arguments, model


def _checked_data(model, data, part) -> Data:
    """Inputs and targets as the model and its loss take them."""
    import keras

    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"the {part} data are {short(data)}, expected a pair: inputs and targets.")
    x = numbers(data[0], f"the {part} inputs", ("n", ...), dtype=None)
    _check_shape(model, x, f"the {part}")
    x = numbers(x, f"the {part} inputs", dtype=keras.backend.standardize_dtype(model.inputs[0].dtype))
    outputs = tuple(model.outputs[0].shape[1:])
    if "sparse" in _name_of_loss(model).replace("_", "").lower():
        t = labels(numbers(data[1], f"the {part} labels", ("n",), ("n", 1), dtype=None).ravel(), f"the {part} labels", outputs[-1])
    else:
        t = numbers(data[1], f"the {part} targets", ("n", ...), dtype=keras.backend.floatx())
        wanted = [outputs, outputs[:-1]] if outputs[-1:] == (1,) else [outputs]
        if not any(_fits(t.shape[1:], shape) for shape in wanted):
            raise ValueError(f"the {part} targets have shape {t.shape}, expected {('n', *outputs)}, the shape of the model's output.")
    if len(x) != len(t):
        raise ValueError(f"the {part} data have {len(x)} inputs and {len(t)} targets, expected as many of each.")
    return x, t


def _check_shape(model, x, what) -> None:
    wanted = tuple(model.inputs[0].shape[1:])
    if not _fits(x.shape[1:], wanted):
        raise ValueError(f"{what} inputs have shape {x.shape}, expected {('n', *wanted)}, as the model takes them.")


def _fits(shape, wanted) -> bool:
    """Whether a shape is the wanted one, in which None stands for any length."""
    return len(shape) == len(wanted) and all(size in (None, given) for size, given in zip(wanted, shape, strict=True))


def _name_of_loss(model) -> str:
    loss = model.loss
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def _checked_rows(rows, members, n) -> np.ndarray:
    rows = numbers(rows, "the rows", (members, "m"), dtype=None)
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n:
        raise ValueError(
            f"the rows go from {rows.min()} to {rows.max()}, expected whole numbers from 0 to {n - 1}, rows of the training data."
        )
    return rows.astype(np.int32)


def _sample_weights(sample_weight, class_weight, t, members) -> np.ndarray | None:
    """One weight for each sample, of every member or of all, from both kinds of weights."""
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(t)) if sample_weight is None else numbers(sample_weight, "the weights", (len(t),), (members, len(t)))
    if (weights < 0).any():
        raise ValueError(f"the smallest of the weights is {weights.min():g}, expected 0 or more.")
    if class_weight is not None:
        if not isinstance(class_weight, Mapping) or t.ndim != 1 or not set(np.unique(t)) <= set(class_weight):
            raise ValueError(f"the weights of the classes are {short(class_weight)}, expected a dictionary with a weight for every label.")
        weights = weights * np.array([number(class_weight[label], f"the weight of class {label}", 0) for label in t.tolist()])
    return weights
