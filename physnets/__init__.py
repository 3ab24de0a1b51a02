"""Helpers for the course *Neural Networks for the Physical Sciences*.

The lectures teach; this package runs the errands that several of them share:

- `physnets.start`: TensorFlow without its start messages,
- `physnets.data`: the data sets that travel with the course,
- `physnets.images`: MNIST and CIFAR-10, downloaded where they have to be,
- `physnets.plots`: figures in the course's one style,
- `physnets.checks`: gradients against finite differences, results against their expected bands,
- `physnets.reproducibility`: one seed for every random number generator,
- `physnets.training`: any Keras model trained many times by one compiled program, also on a cluster,
- `physnets.sequences`: windows, splits and scaling in time, forecasts step by step,
- `physnets.physics`: the pairing model's energies and the driven oscillator,
- `physnets.gan`: the networks of the generative lectures, and the trained generator,
- `physnets.inputs`: whatever a reader hands in, as checked arrays and numbers.

Importing the package loads none of these: a module comes, with the libraries it needs, when it is imported itself.
"""

__version__ = "0.1.0"
