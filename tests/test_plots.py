"""The figures show the numbers that they were given, at the places where they belong."""

import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.axes import Axes
from PIL import Image

from physnets import plots

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    """Each test starts from matplotlib's own style and leaves no figure open."""
    with matplotlib.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def table():
    """Accuracies over three learning rates and two penalties; all six differ."""
    return pd.DataFrame(
        [[0.11, 0.12, 0.13], [0.21, 0.22, 0.23]],
        index=pd.Index([1e-5, 0.1], name="penalty"),
        columns=pd.Index([0.001, 1, 10], name="learning rate (1/s)"),
    )


def texts(labels) -> list[str]:
    return [label.get_text() for label in labels]


def cells(ax: Axes) -> dict[tuple[int, int], str]:
    """What is written in each cell, by (row, column)."""
    return {(int(y), int(x)): text.get_text() for text in ax.texts for x, y in [text.get_position()]}


def test_the_style_is_readable_for_the_colour_blind_and_on_dark_pages():
    plots.set_style()
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(sns.color_palette("colorblind"))
    assert plt.rcParams["figure.facecolor"] == "white"
    assert plt.rcParams["image.cmap"] == "viridis"


def test_the_heatmap_draws_where_it_is_told(table):
    _, (left, right) = plt.subplots(1, 2)
    assert plots.heatmap(table, right, label="accuracy") is right
    assert right.texts
    assert not left.texts
    new = plots.heatmap(table, label="accuracy")
    assert isinstance(new, Axes)
    assert new.figure is not right.figure


def test_the_heatmap_ticks_are_the_axis_values(table):
    ax = plots.heatmap(table, label="accuracy")
    assert texts(ax.get_xticklabels()) == ["0.001", "1", "10"]
    assert texts(ax.get_yticklabels()) == ["1e-05", "0.1"]
    assert ax.get_xticks().tolist() == [0.5, 1.5, 2.5]
    assert ax.get_yticks().tolist() == [0.5, 1.5]
    assert ax.get_ylim() == (2, 0)  # the first row on top
    assert {label.get_rotation() for label in ax.get_yticklabels()} == {0}


def test_the_heatmap_ticks_may_be_words():
    ax = plots.heatmap(pd.DataFrame({"ReLU": [1.0], "tanh": [2.0]}, index=["adam"]), label="loss")
    assert texts(ax.get_xticklabels()) == ["ReLU", "tanh"]
    assert texts(ax.get_yticklabels()) == ["adam"]


def test_the_heatmap_axes_are_named_after_index_and_columns(table):
    ax = plots.heatmap(table, label="accuracy (%)")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate (1/s)", "penalty")
    colour_bar = ax.figure.axes[-1]
    assert colour_bar.get_ylabel() == "accuracy (%)"
    nameless = plots.heatmap(pd.DataFrame([[1.0]]), label="")
    assert (nameless.get_xlabel(), nameless.get_ylabel()) == ("", "")


def test_the_heatmap_cells_hold_the_numbers(table):
    ax = plots.heatmap(table, label="accuracy")
    expected = {(i, j): f"{table.iloc[i, j]:.2f}" for i in range(2) for j in range(3)}
    assert cells(ax) == expected
    np.testing.assert_array_equal(ax.collections[0].get_array().reshape(2, 3), table)
    assert cells(plots.heatmap(table, label="accuracy", fmt=".1e"))[1, 2] == "2.3e-01"


@pytest.mark.parametrize("odd_one", [np.nan, np.inf, -np.inf])
def test_the_heatmap_leaves_cells_blank_that_are_not_finite(table, odd_one):
    table.iloc[0, 1] = odd_one
    ax = plots.heatmap(table, label="accuracy")
    assert set(cells(ax)) == {(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)}
    assert ax.collections[0].get_array().mask.ravel().tolist() == [False, True, False, False, False, False]
    assert ax.collections[0].get_clim() == (0.11, 0.23)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.eye(2), r"^the table is a ndarray, expected a pandas DataFrame with the axis values as index and columns\.$"),
        (pd.DataFrame(), r"^the shape of the table is \(0, 0\), expected at least one number with no length 0\.$"),
        (pd.DataFrame({"a": []}), r"^the shape of the table is \(0, 1\), expected at least one number"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), r"^found the text 'x' at row 0 of the column 'b' in the table, expected numbers:"),
        (pd.DataFrame([[np.nan, np.inf]]), r"^the table holds no finite number, expected at least one\.$"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        plots.heatmap(bad, label="")
    assert not plt.get_fignums()


def test_learning_curves_draw_each_series_against_the_epoch():
    history = {"loss": [3.0, 2.0, 1.5], "val_loss": np.array([3.5, 2.5, 2.6])}
    ax = plots.learning_curves(history, ylabel="loss (eV)")
    assert isinstance(ax, Axes)
    assert [line.get_label() for line in ax.lines] == list(history)
    for line, series in zip(ax.lines, history.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), series)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss (eV)", "linear")
    assert texts(ax.get_legend().get_texts()) == list(history)


def test_learning_curves_draw_where_they_are_told_and_on_the_scale_asked_for():
    _, ax = plt.subplots()
    assert plots.learning_curves({"loss": [1.0]}, ax, ylabel="loss", yscale="log") is ax
    assert ax.get_yscale() == "log"
    assert len(ax.lines) == 1


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "the lengths of the series are [], expected at least one series, all of one length."),
        ({"loss": []}, "the shape of the series 'loss' is (0,), expected (epochs,) with no length 0."),
        ({"loss": [[1.0, 2.0]]}, "the shape of the series 'loss' is (1, 2), expected (epochs,)."),
        ({"loss": 1.0}, "the shape of the series 'loss' is (), expected (epochs,)."),
        ({"loss": [1.0, 2.0], "val_loss": [1.0]}, "the lengths of the series are [2, 1], expected at least one series, all of one length."),
        ([1.0, 2.0], "the type of the history is list, expected the series by name: fit(...).history."),
    ],
)
def test_series_that_cannot_be_drawn_are_refused(history, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        plots.learning_curves(history, ylabel="loss")
    assert not plt.get_fignums()


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match=r"^yscale is 'logit', expected 'linear' or 'log'\.$"):
        plots.learning_curves({"loss": [1.0]}, ylabel="loss", yscale="logit")


def test_image_grid_draws_the_images_in_order_on_one_scale():
    images = np.arange(7.0 * 4 * 5).reshape(7, 4, 5)
    axes = plots.image_grid(images, titles=range(7), columns=3)
    assert axes.shape == (7,)
    for number, ax in enumerate(axes):
        (drawn,) = ax.images
        np.testing.assert_array_equal(drawn.get_array(), images[number])
        assert drawn.get_clim() == (images.min(), images.max())
        assert drawn.get_cmap().name == "gray_r"
        assert ax.get_title() == str(number)
        place = ax.get_subplotspec()
        assert (place.rowspan.start, place.colspan.start) == divmod(number, 3)
    # The last row has room for two more; they are not shown.
    assert len(axes[0].figure.axes) == 9
    assert not any(ax.axison for ax in axes[0].figure.axes)


@pytest.mark.parametrize("titles", [pd.Series(["first", "second"], index=[1, 0]), iter(["first", "second"])])
def test_image_grid_gives_the_titles_in_their_order(titles):
    assert [ax.get_title() for ax in plots.image_grid(np.zeros((2, 2, 2)), titles)] == ["first", "second"]


def test_image_grid_draws_a_list_of_pictures():
    (ax,) = plots.image_grid([Image.new("RGB", (5, 4), "red")])
    np.testing.assert_array_equal(ax.images[0].get_array(), np.broadcast_to(np.uint8([255, 0, 0]), (4, 5, 3)))
    assert len(plots.image_grid(np.zeros((10, 3, 3)))) == 10  # kernels of three by three are no picture in colour


def test_image_grid_needs_no_more_columns_than_images():
    axes = plots.image_grid(np.zeros((4, 2, 2)))
    assert len(axes[0].figure.axes) == 4
    assert {ax.get_title() for ax in axes} == {""}


@pytest.mark.parametrize("kind", [float, np.uint8])
def test_image_grid_draws_colours(kind):
    images = np.zeros((2, 4, 4, 3), dtype=kind)
    images[1, ..., 0] = 1 if kind is float else 255
    axes = plots.image_grid(images)
    np.testing.assert_array_equal(axes[1].images[0].get_array(), images[1])


@pytest.mark.parametrize(
    ("images", "rest", "message"),
    [
        (np.zeros((2, 2)), {}, "the shape of the images is (2, 2), expected (n, height, width) or (n, height, width, 3)."),
        (np.zeros((0, 2, 2)), {}, "the shape of the images is (0, 2, 2), expected (n, height, width) or"),
        (np.zeros((2, 4, 4, 1)), {}, "the shape of the images is (2, 4, 4, 1), expected (n, height, width) or"),
        (np.full((1, 2, 2), np.nan), {}, "found nan at position (0, 0, 0) in the images, expected finite numbers only;"),
        (
            np.zeros((32, 32, 3)),
            {},
            "the shape of the images is (32, 32, 3), which is one picture in colour; expected several, or a list: [picture].",
        ),
        (np.zeros((2, 2, 2)), {"titles": {0: "one", 1: "two"}}, "the type of the titles is dict, expected a list."),
        (np.full((1, 2, 2, 3), 255.0), {}, "the colours go from 255 to 255, expected 0 to 1, or uint8."),
        (np.full((1, 2, 2, 3), -0.5), {}, "the colours go from -0.5 to -0.5, expected 0 to 1, or uint8."),
        (np.zeros((2, 2, 2)), {"titles": ["one"]}, "1 titles for 2 images given, expected one title an image."),
        (np.zeros((2, 2, 2)), {"columns": 0}, "the number of columns is 0, expected a whole number, 1 or more."),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(images, rest, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        plots.image_grid(images, **rest)
    assert not plt.get_fignums()
