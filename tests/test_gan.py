"""The shipped generator, and what it answers to bad input. What it draws is judged in Week 12."""

import re

import numpy as np
import pytest

from physnets import data, gan


def test_the_networks_have_the_shapes_of_the_lecture():
    assert gan.build_generator().output_shape == (None, 28, 28, 1)
    assert gan.build_discriminator().output_shape == (None, 1)
    kernels = [weight.shape for weight in gan.build_generator().trainable_variables if len(weight.shape) == 4]
    assert kernels == [(5, 5, 128, 128), (5, 5, 64, 128), (5, 5, 1, 64)]


def test_the_shipped_generator_draws_images_from_paper_to_ink():
    images = gan.generate(gan.load_generator(), np.random.default_rng(0).normal(size=(20, gan.LATENT)))
    assert images.shape == (20, 28, 28)
    assert 0 <= images.min() < 0.01 and 0.9 < images.max() <= 1
    assert len(np.unique(images.round(3), axis=0)) == 20


def test_images_do_not_depend_on_their_neighbours_in_a_batch():
    """Batch normalisation has to use its stored averages, also across the pieces in which many are drawn."""
    generator, latent = gan.load_generator(), np.random.default_rng(0).normal(size=(501, gan.LATENT))
    np.testing.assert_allclose(gan.generate(generator, latent)[[0, 500]], gan.generate(generator, latent[[0, 500]]), atol=1e-5)


@pytest.mark.parametrize(
    "latent", [np.zeros((3, 99)), np.zeros(100), np.zeros((0, 100)), np.full((1, 100), np.nan), np.zeros((1, 100, 1))], ids=str
)
def test_a_latent_vector_of_the_wrong_size_gets_one_sentence(latent):
    shape = re.escape(str(latent.shape))
    with pytest.raises(
        ValueError, match=rf"^(the shape of the latent vectors is {shape}|found nan at position .* vectors), expected .*\.$"
    ):
        gan.generate(None, latent)


def test_another_network_gets_one_sentence():
    with pytest.raises(
        ValueError, match=r"^the generator's input and output shapes are \(None, 28, 28, 1\) and \(None, 1\), expected those of"
    ):
        gan.generate(gan.build_discriminator(), np.zeros((1, 100)))


def test_weights_of_another_architecture_get_one_sentence(monkeypatch):
    monkeypatch.setattr(gan, "data_path", lambda name: data.data_path("cifar10_plain.npz"))
    with pytest.raises(
        ValueError, match=r"^gan_generator\.npz holds 10 arrays of the shapes .*, expected .*: weights of another architecture\.$"
    ):
        gan.load_generator()
