"""One seed for every random number generator."""

import operator


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy (its legacy global generator), TensorFlow and Keras, and make TensorFlow's operations deterministic.

    The same program on the same machine then gives the same numbers to the last bit. Another machine, or another number of
    cores, may still round differently.

    Args:
        seed: a whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is not such a number.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise ValueError(f"the seed is {seed!r}, expected a whole number from 0 to 2**32 - 1.") from None
    if not 0 <= number < 2**32:
        raise ValueError(f"the seed is {number}, expected a whole number from 0 to 2**32 - 1.")

    import tensorflow as tf  # takes seconds, so only when somebody asks for it

    # Before version 3.13 Keras' own generator goes on where it was, unless Keras forgets it; the names of layers begin anew with it.
    tf.keras.utils.clear_session(free_memory=False)
    tf.keras.utils.set_random_seed(number)
    tf.config.experimental.enable_op_determinism()
