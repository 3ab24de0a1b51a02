"""One seed for every random number generator."""

from physnets.inputs import whole


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy (its legacy global generator), TensorFlow and Keras, and make TensorFlow's operations deterministic.

    The same program on the same machine then gives the same numbers to the last bit. Another machine, or another number of
    cores, may still round differently. The precision that `keras.config` has set (`set_dtype_policy`, `set_floatx`) stays.

    Args:
        seed: a whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is not such a number.
    """
    number = whole(seed, "the seed", 0, 2**32 - 1)

    import tensorflow as tf  # takes seconds, so only when somebody asks for it

    # Before version 3.13 Keras' own generator goes on where it was, unless Keras forgets it; the names of layers begin anew with it.
    policy = tf.keras.config.dtype_policy()
    tf.keras.utils.clear_session(free_memory=False)
    # Only a policy of its own: one that follows floatx goes on following it.
    if policy.name != tf.keras.config.floatx():
        tf.keras.config.set_dtype_policy(policy)
    tf.keras.utils.set_random_seed(number)
    tf.config.experimental.enable_op_determinism()
