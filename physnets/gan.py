"""The two networks of the deep convolutional GAN on handwritten digits, and the trained generator that ships with the course."""

from typing import TYPE_CHECKING

import numpy as np

from physnets.data import data_path
from physnets.inputs import numbers

if TYPE_CHECKING:
    import keras

LATENT = 100  # numbers in a latent vector
# Keras' 0.99 averages over a hundred steps, in which a generator changes more than its batches differ.
NORM_MOMENTUM = 0.9


def build_generator() -> "keras.Sequential":
    """Build the untrained generator: latent vectors of shape (n, 100) to images of shape (n, 28, 28, 1), from -1 (paper) to 1 (ink)."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((LATENT,)),
            layers.Dense(7 * 7 * 128, use_bias=False),
            layers.BatchNormalization(momentum=NORM_MOMENTUM),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 128)),
            layers.Conv2DTranspose(128, 5, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=NORM_MOMENTUM),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=NORM_MOMENTUM),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )


def build_discriminator() -> "keras.Sequential":
    """Build the untrained discriminator: images of shape (n, 28, 28, 1), from -1 to 1, to logits of shape (n, 1), positive for real."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(128, 5, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ],
        name="discriminator",
    )


def load_generator() -> "keras.Sequential":
    """Load the trained generator, which `tools/train_gan.py` made.

    Returns:
        The network of `build_generator` with its trained weights, which are stored in half precision.

    Raises:
        ValueError: the file holds the weights of another architecture, or is damaged, as in `data_path`.
        FileNotFoundError: the file is missing, as in `data_path`.
    """
    generator = build_generator()
    with np.load(data_path("gan_generator.npz")) as stored:
        weights = [stored[name].astype(np.float32) for name in stored.files]
    found, wanted = [array.shape for array in weights], [array.shape for array in generator.get_weights()]
    if found != wanted:
        raise ValueError(
            f"gan_generator.npz holds {len(found)} arrays of the shapes {found}, expected {wanted}: weights of another architecture."
        )
    generator.set_weights(weights)
    return generator


def generate(generator: "keras.Sequential", latent: np.ndarray) -> np.ndarray:
    """Draw the images of latent vectors.

    Args:
        generator: from `load_generator` or `build_generator`.
        latent: shape (n, 100), finite numbers, n >= 1; the generator was trained on standard normal ones.

    Returns:
        The images, shape (n, 28, 28), from 0 (paper) to 1 (ink).

    Raises:
        ValueError: one of the arguments is not as described.
    """
    latent = numbers(latent, "the latent vectors", ("n", LATENT), dtype=np.float32)
    shapes = getattr(generator, "input_shape", None), getattr(generator, "output_shape", None)
    if shapes != ((None, LATENT), (None, 28, 28, 1)):
        raise ValueError(f"the generator's input and output shapes are {shapes[0]} and {shapes[1]}, expected those of build_generator().")
    parts = np.array_split(latent, -(-len(latent) // 500))  # bounds the memory
    return np.concatenate([np.asarray(generator(part, training=False)) for part in parts])[..., 0] / 2 + 0.5
