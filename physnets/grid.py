"""Many small networks of one architecture, trained together as one program.

A framework spends most of the time of a tiny network on its own bookkeeping. Here all members of a grid of learning rates and penalties
share one computation: their weights are stacked along a leading *model axis*, and one gradient serves them all, because the gradient of
the sum of their costs with respect to one member's weights is the gradient of that member's own cost.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Data = tuple[np.ndarray, np.ndarray]

EVALUATION_BATCH = 500  # samples; bounds the memory that the activations of all members take at once


def _has_sound_compiler() -> bool:
    """Whether TensorFlow's compiler, XLA, can be used: TensorFlow for Windows comes without it, and that of 2.16 and 2.17 trains large grids wrongly."""
    try:
        release = version("tensorflow").split(".")
    except PackageNotFoundError:  # a build under another name
        return False
    return sys.platform != "win32" and (int(release[0]), int(release[1])) >= (2, 18)


COMPILE = _has_sound_compiler()


@dataclass(frozen=True)
class TrainedGrid:
    """The outcome of a training, one member for each pair of learning rate and penalty.

    Attributes:
        members: a row for each member, in the order given: `eta`, `lmbd`, `training accuracy`, `validation accuracy`, `diverged`. The
            accuracies of a member that diverged (a weight is infinite or not a number) are missing.
        weights: the trainable arrays in Keras' order, each with the model axis in front: shape (members, ...).
    """

    members: pd.DataFrame
    weights: list[np.ndarray]
    _template: "keras.Sequential"

    def table(self, column: str) -> pd.DataFrame:
        """Return one column of `members` as a table with a row for each learning rate and a column for each penalty, for `heatmap`."""
        if column not in self.members:
            raise ValueError(f"no column is called {column!r}; there are: {', '.join(self.members)}.")
        if self.members.duplicated(["eta", "lmbd"]).any():
            raise ValueError("several members share a learning rate and a penalty, expected one member for each cell of the table.")
        table = self.members.pivot(index="eta", columns="lmbd", values=column)
        return table.rename_axis(index=r"learning rate $\eta$", columns=r"penalty $\lambda$")

    def model(self, number: int) -> "keras.Sequential":
        """Return member `number` (a row of `members`) as an ordinary Keras model of its own, whose outputs are logits."""
        if not 0 <= number < len(self.members):
            raise ValueError(f"the member is {number}, expected a row of `members`, 0 to {len(self.members) - 1}.")
        import keras

        model = keras.models.clone_model(self._template)
        model.set_weights([array[number] for array in self.weights])
        return model

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs of all members, shape (members, n, classes), for inputs of shape (n, ...)."""
        layers = self._template.layers
        x = _checked_inputs(inputs, self._template.input_shape[1:], "new")
        return _logits(layers, self.weights, _patches(layers[0], x))

    def best(self) -> int:
        """Return the number of the member with the highest validation accuracy, the first of several."""
        if self.members["diverged"].all():
            raise ValueError("all members diverged, expected one at least that did not: try smaller learning rates or penalties.")
        return int(self.members["validation accuracy"].argmax())


def train_grid(
    model: "keras.Sequential", train: Data, validation: Data, etas: Sequence[float], lmbds: Sequence[float], **how: int
) -> TrainedGrid:
    """Train a network for every pair of a learning rate and a penalty; the arguments not listed are those of `train_members`.

    Args:
        model: the architecture, as in `train_members`.
        train: inputs and labels to train on.
        validation: inputs and labels to judge by.
        etas: learning rates, at least one.
        lmbds: L2 penalties, at least one.
        how: `epochs`, `batch_size` and `seed`, as in `train_members`.

    Raises:
        ValueError: as in `train_members`.
    """
    points = pd.MultiIndex.from_product([np.atleast_1d(etas), np.atleast_1d(lmbds)], names=["eta", "lmbd"])
    return train_members(model, train, validation, points.to_frame(index=False), **how)


def train_members(
    model: "keras.Sequential", train: Data, validation: Data, points: pd.DataFrame, *, epochs: int, batch_size: int, seed: int
) -> TrainedGrid:
    r"""Train one network for each row of a table of learning rates and penalties, all of them as one program.

    Each member starts from weights of its own, drawn by the layers' own initialisers. All see the same mini-batches, a new order in each
    epoch, and follow plain gradient descent on the mean cross-entropy plus half the penalty times the sum of all squared kernel weights
    (`keras.regularizers.L2(lmbd / 2)` on every layer), exactly as they would alone.

    Args:
        model: a `keras.Sequential` that begins with an `Input` and ends with a linear `Dense` layer (logits). In between: `Dense` layers;
            for images first one `Conv2D` and perhaps one `MaxPooling2D` or `AveragePooling2D` whose windows do not overlap, then `Flatten`.
            Only its architecture is used; its weights stay as they are.
        train: inputs of shape (n, ...), finite, and labels of shape (n,), whole numbers from 0 to the number of outputs - 1.
        validation: the same for the samples that are only judged.
        points: the members, columns `eta` (learning rate, per step) and `lmbd` (L2 penalty), both finite and not negative.
        epochs: passes through the training data, 1 or more.
        batch_size: samples in a step, 1 or more; the last batch of an epoch takes what is left.
        seed: of the initial weights and of the order of the samples, a whole number, 0 or more.

    Returns:
        The accuracies and the trained weights.

    Raises:
        ValueError: one of the arguments is not as described; nothing has been trained then.
    """
    _check_points(points)
    layers = _checked_layers(model)
    x, t = _checked_data(train, model.input_shape[1:], model.output_shape[-1], "training")
    x_judged, t_judged = _checked_data(validation, model.input_shape[1:], model.output_shape[-1], "validation")
    for name, value, least in (("epochs", epochs, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} is {value!r}, expected a whole number, {least} or more.")

    import tensorflow as tf

    batch_size = min(batch_size, len(x))  # XLA compiles no loop without a turn
    rng = np.random.default_rng(seed)
    variables = [tf.Variable(array) for array in _initial_weights(layers, len(points), rng)]
    eta, lmbd = (points[name].to_numpy(np.float32) for name in ("eta", "lmbd"))
    x, x_judged = (_patches(layers[0], part) for part in (x, x_judged))

    def step(rows: "tf.Tensor") -> None:
        with tf.GradientTape() as tape:
            logits = _forward(layers, variables, tf.gather(x, rows))
            labels = tf.broadcast_to(tf.gather(t, rows), logits.shape[:2])
            losses = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), axis=1)
            squares = tf.add_n([tf.reduce_sum(kernel**2, axis=_all_but_first(kernel)) for kernel in variables[::2]])
            cost = tf.reduce_sum(losses + lmbd / 2 * squares)
        for variable, gradient in zip(variables, tape.gradient(cost, variables), strict=True):
            variable.assign_sub(np.expand_dims(eta, _all_but_first(variable)) * gradient)

    @tf.function(jit_compile=COMPILE)
    def run_epoch(full_batches: "tf.Tensor", rest: "tf.Tensor") -> None:
        for rows in full_batches:
            step(rows)
        if rest.shape[0]:
            step(rest)

    for _ in tqdm(range(epochs), desc=f"training {len(points)} networks", unit="epoch"):
        full, rest = np.split(rng.permutation(len(x)).astype(np.int32), [len(x) // batch_size * batch_size])
        run_epoch(tf.constant(full.reshape(-1, batch_size)), tf.constant(rest))

    weights = [variable.numpy() for variable in variables]
    diverged = ~np.all([np.isfinite(array).all(axis=_all_but_first(array)) for array in weights], axis=0)
    members = points[["eta", "lmbd"]].reset_index(drop=True)
    for name, inputs, labels in (("training", x, t), ("validation", x_judged, t_judged)):
        accuracy = (_logits(layers, variables, inputs).argmax(axis=2) == labels).mean(axis=1)
        members[f"{name} accuracy"] = np.where(diverged, np.nan, accuracy)
    members["diverged"] = diverged
    return TrainedGrid(members, weights, model)


def _all_but_first(array) -> tuple[int, ...]:
    """All axes but the model axis."""
    return tuple(range(1, len(array.shape)))


def _forward(layers, weights, x):
    """Logits of all members, shape (members, n, outputs), for inputs that the members share, shape (n, ...).

    A convolution arrives here as a product with the patches of its image. It and its pooling have the channels of all members side by side,
    as if they were those of one layer, because long rows are computed fastest; flattening gives every member its own.
    """
    import tensorflow as tf

    weights = iter(weights)
    for layer in layers:
        kind = type(layer).__name__
        if kind == "Dense":
            kernel, bias = next(weights), next(weights)
            x = layer.activation(x @ kernel + bias[:, None])  # the first product stretches shared inputs along the model axis
        elif kind == "Conv2D":
            kernel, bias = next(weights), next(weights)
            members, filters = bias.shape
            kernel = tf.transpose(tf.reshape(kernel, [members, -1, filters]), [1, 0, 2])
            x = tf.tensordot(x, tf.reshape(kernel, [-1, members * filters]), 1)
            x = layer.activation(x + tf.reshape(bias, [-1]))
        elif kind == "Flatten":
            channels = layer.input.shape[-1]
            x = tf.transpose(tf.reshape(x, [x.shape[0], -1, x.shape[-1] // channels, channels]), [2, 0, 1, 3])
            x = tf.reshape(x, [*x.shape[:2], -1])
        else:
            (rows, columns), (n, height, width, channels) = layer.pool_size, x.shape
            x = x[:, : height // rows * rows, : width // columns * columns]
            windows = tf.reshape(x, [n, height // rows, rows, width // columns, columns, channels])
            reduce = tf.reduce_max if kind == "MaxPooling2D" else tf.reduce_mean
            x = reduce(windows, axis=(2, 4))
    return x


def _patches(first, x):
    """Inputs as the first layer sees them: of images, the patches under its filters, shape (n, height, width, pixels of a patch)."""
    import tensorflow as tf

    if type(first).__name__ != "Conv2D":
        return tf.constant(x)
    return tf.image.extract_patches(x, [1, *first.kernel_size, 1], [1, *first.strides, 1], [1, 1, 1, 1], first.padding.upper())


def _logits(layers, weights, x) -> np.ndarray:
    """Logits of all members, computed for a part of the samples at a time."""
    parts = [x[start : start + EVALUATION_BATCH] for start in range(0, len(x), EVALUATION_BATCH)]
    return np.concatenate([_forward(layers, weights, part) for part in parts], axis=1)


def _initial_weights(layers, members: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Fresh weights, each member's drawn by the layers' own initialisers, so that their limits are those of a layer that is alone."""

    def draw(initializer, shape) -> np.ndarray:
        config = initializer.get_config()
        if "seed" in config:
            initializer = type(initializer).from_config(config | {"seed": int(rng.integers(2**31))})
        return np.asarray(initializer(shape, dtype="float32"))

    arrays = []
    for layer in layers:
        if layer.weights:
            for initializer, variable in ((layer.kernel_initializer, layer.kernel), (layer.bias_initializer, layer.bias)):
                arrays.append(np.stack([draw(initializer, variable.shape) for _ in range(members)]))
    return arrays


def _check_points(points: pd.DataFrame) -> None:
    for name, meaning in (("eta", "learning rates"), ("lmbd", "penalties")):
        if not isinstance(points, pd.DataFrame) or name not in points:
            raise ValueError(f"the points are {type(points).__name__}, expected a DataFrame with the columns 'eta' and 'lmbd'.")
        values = points[name].to_numpy(dtype=float)
        if values.size == 0:
            raise ValueError("the grid is empty, expected at least one learning rate and one penalty.")
        bad = values[~(np.isfinite(values) & (values >= 0))]
        if bad.size:
            raise ValueError(f"one of the {meaning} is {bad[0]:g}, expected finite numbers, 0 or more.")


def _checked_layers(model) -> list:
    """The layers of the architecture, if the model axis can carry them."""
    import keras

    if not isinstance(model, keras.Sequential) or not model.built or not model.layers:
        raise ValueError(f"the model is {type(model).__name__}, expected a keras.Sequential that begins with an Input and has layers.")
    for number, layer in enumerate(model.layers):
        problem = _problem(layer, number)
        if problem:
            raise ValueError(f"layer {number + 1}, {layer.name!r}, {problem}.")
    last = model.layers[-1]
    if type(last).__name__ != "Dense" or last.activation is not keras.activations.linear:
        raise ValueError(
            f"the last layer, {last.name!r}, is no linear Dense layer, expected one: its outputs are the logits of the classes."
        )
    return model.layers


def _problem(layer, number: int) -> str:
    """What keeps the model axis from carrying a layer; empty if nothing does."""
    kind = type(layer).__name__
    if kind not in ("Dense", "Conv2D", "Flatten", "MaxPooling2D", "AveragePooling2D"):
        return f"is a {kind}, expected Dense, Flatten, MaxPooling2D or AveragePooling2D, and Conv2D in the first place"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "has the channels of its images first, expected channels last"
    if kind == "Conv2D" and (number > 0 or layer.groups > 1 or layer.dilation_rate != (1, 1)):
        return "is not a plain first convolution, expected Conv2D as the first layer, without groups or dilation"
    if kind == "Conv2D" and not _acts_on_each_unit_alone(layer.activation):
        return "has an activation that mixes its channels, expected one that acts on each alone"
    if "Pooling" in kind and (layer.strides != layer.pool_size or layer.padding != "valid" or number == 0):
        return "is not the pooling of a convolution's output over separate windows, expected strides equal to pool_size and padding 'valid'"
    if kind in ("Dense", "Flatten") and (len(layer.input.shape) == 2) != (kind == "Dense"):
        return f"gets inputs of shape {layer.input.shape[1:]}, expected one Flatten between images and Dense layers"
    if kind in ("Dense", "Conv2D"):
        if not layer.use_bias:
            return "has no bias, expected one"
        if layer.kernel_regularizer or layer.bias_regularizer or layer.activity_regularizer:
            return "brings a regularizer of its own, expected none: the penalties are those of the grid"
        if layer.kernel_constraint or layer.bias_constraint or not layer.trainable:
            return "has constrained or frozen weights, expected free ones"
    return ""


def _acts_on_each_unit_alone(activation) -> bool:
    outputs = np.asarray(activation(np.array([[0.0, 0.0], [0.0, 1.0]])))
    return outputs[0, 0] == outputs[1, 0]


def _checked_inputs(inputs: np.ndarray, shape: tuple[int | None, ...], name: str) -> np.ndarray:
    x = np.asarray(inputs, dtype=np.float32)
    if x.size == 0 or x.shape[1:] != tuple(shape):
        raise ValueError(f"the {name} inputs have shape {x.shape}, expected (n, {', '.join(map(str, shape))}) with n >= 1.")
    if not np.isfinite(x).all():
        raise ValueError(f"the {name} inputs have values that are not finite, expected finite numbers only.")
    return x


def _checked_data(part: Data, shape: tuple[int | None, ...], outputs: int, name: str) -> Data:
    if not (isinstance(part, tuple | list) and len(part) == 2):
        raise ValueError(f"the {name} data are a {type(part).__name__}, expected a pair: inputs and labels.")
    x, t = _checked_inputs(part[0], shape, name), np.asarray(part[1])
    if t.shape != (len(x),) or not np.issubdtype(t.dtype, np.integer):
        raise ValueError(f"the {name} labels have shape {t.shape} and type {t.dtype}, expected ({len(x)},), one whole number a sample.")
    if t.min() < 0 or t.max() >= outputs:
        raise ValueError(f"the {name} labels run from {t.min()} to {t.max()}, expected 0 to {outputs - 1} for {outputs} outputs.")
    return x, t.astype(np.int32)
