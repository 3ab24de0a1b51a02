"""Drawings show what they were asked to, at the place and in the size that keep them readable on a telephone."""

import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from physnets import drawings

matplotlib.use("Agg")
PHONE = 327  # pixels that a figure has on a screen of 375


@pytest.fixture
def ax():
    yield drawings.canvas(5, 3)
    plt.close("all")


def patches(ax, kind):
    return [patch for patch in ax.patches if type(patch) is kind]


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def ends(ax):
    """Start and end of every arrow."""
    return [np.array(patch._posA_posB) for patch in patches(ax, FancyArrowPatch)]


def test_a_canvas_is_measured_in_inches_and_white_also_on_a_dark_page(ax):
    fig = ax.figure
    assert fig.get_size_inches() == pytest.approx([5, 3])
    assert ax.transData.transform((1, 1)) == pytest.approx([fig.dpi, fig.dpi])
    assert fig.get_facecolor() == (1, 1, 1, 1) and not ax.axison


def test_on_a_telephone_every_letter_of_the_widest_canvas_has_nine_points(ax):
    for draw in (
        lambda: drawings.pixels(ax, np.eye(2), (1, 1), fmt=".0f"),
        lambda: drawings.graph(ax, {"x": (2, 1), "y": (3, 1)}, [("x", "y")], {"x": 1}, {"y": 2}),
        lambda: drawings.arrow(ax, (0, 0), (1, 1), "w"),
        lambda: drawings.volume(ax, (4, 1), "8 x 8"),
    ):
        draw()
    shrunk = PHONE / (drawings.WIDEST * 100 + 20)  # a notebook's figures have 100 pixels per inch and a margin; a page has 96 per inch
    assert len(texts(ax)) == 10
    assert min(text.get_size() for text in ax.texts) * (100 / 96) * shrunk > 9


@pytest.mark.parametrize("shape", [drawings.unit, drawings.box])
def test_a_shape_has_its_label_and_its_anchors_on_its_rim(ax, shape):
    anchors = shape(ax, (2, 1), "here")
    (patch,) = ax.patches
    extent = patch.get_extents().transformed(ax.transData.inverted())
    assert texts(ax) == ["here"] and ax.texts[0].get_position() == (2, 1)
    assert np.allclose(anchors.left, (extent.x0, 1)) and np.allclose(anchors.right, (extent.x1, 1))
    assert np.allclose(anchors.bottom, (2, extent.y0)) and np.allclose(anchors.top, (2, extent.y1))


def test_a_gate_is_a_circle_for_one_character_and_a_box_for_a_word(ax):
    drawings.gate(ax, (1, 1), "×")
    drawings.gate(ax, (2, 1), "tanh")
    assert [len(patches(ax, kind)) for kind in (Circle, FancyBboxPatch)] == [1, 1]
    assert texts(ax) == ["×", "tanh"]


def test_an_arrow_goes_from_start_to_end_and_bends_to_the_right(ax):
    drawings.arrow(ax, (1, 1), (3, 1), "w", curve=0.25, dashed=True)
    (patch,) = ax.patches
    assert np.allclose(ends(ax)[0], [(1, 1), (3, 1)]) and patch.get_linestyle() == "--"
    assert ax.texts[0].get_position() == pytest.approx((2, 0.5))  # a quarter of its length, to the right of its way
    bent = (
        patch.get_path()
    )  # in the canvas's own coordinates; the middle of a parabola is a quarter of each end and half of the control point
    assert pytest.approx((2, 0.5), abs=0.1) == bent.vertices[[0, 1, 2]].T @ [0.25, 0.5, 0.25]


def test_layers_have_an_arrow_for_each_weight_and_none_for_units_not_drawn(ax):
    drawn = drawings.layers(ax, [3, 2], (1, 1.5), names=[["$x_1$", "...", "$x_9$"], ["a", "b"]])
    assert [len(layer) for layer in drawn] == [3, 2]
    assert texts(ax) == ["$x_1$", "$x_9$", "a", "b"]
    assert len(ends(ax)) == 2 * 2
    radius = 0.27
    for start, end in ends(ax):
        assert min(np.linalg.norm(unit.centre - start) for unit in drawn[0]) == pytest.approx(radius)
        assert min(np.linalg.norm(unit.centre - end) for unit in drawn[1]) == pytest.approx(radius)


def test_a_volume_has_three_faces_and_its_shape_below(ax):
    anchors = drawings.volume(ax, (2, 1.5), "8 x 8 x 3", size=(0.3, 1, 0.5))
    assert len(patches(ax, Polygon)) == 3 and texts(ax) == ["8 x 8 x 3"]
    corners = np.vstack([patch.get_xy() for patch in ax.patches])
    assert (anchors.left[0], anchors.bottom[1]) == pytest.approx(corners.min(axis=0))
    assert (anchors.right[0], anchors.top[1]) == pytest.approx(corners.max(axis=0))
    assert ax.texts[0].get_position()[1] < corners[:, 1].min()


def test_pixels_are_darker_where_the_value_is_higher_and_the_window_frames_its_part(ax):
    anchors = drawings.pixels(ax, [[0, 1, 2], [3, 4, 5]], (2, 1.5), cell=0.5, window=(1, 1, 1, 2), fmt=".0f")
    cells, window = patches(ax, Rectangle)[:-1], patches(ax, Rectangle)[-1]
    assert [np.round(cell.get_facecolor()[0], 2) for cell in cells] == [1.0, 0.83, 0.66, 0.49, 0.32, 0.15]
    assert cells[0].get_xy() == pytest.approx((1.25, 1.5))  # row 0 is at the top
    assert window.get_bbox().bounds == pytest.approx((1.75, 1.0, 1.0, 0.5))
    assert texts(ax) == list("012345")
    assert anchors.right == pytest.approx((2.75, 1.5))


def test_unrolled_time_hands_the_state_on(ax):
    drawn = drawings.unrolled(ax, 3, (0.5, 1.5), spacing=1.5)
    assert {"$x_{1}$", "$h_{2}$", "$y_{3}$"} < set(texts(ax)) and len(texts(ax)) == 9
    handed_on = [(a, b) for a, b in ends(ax) if a[1] == b[1]]
    assert np.allclose(handed_on, [(drawn[0].right, drawn[1].left), (drawn[1].right, drawn[2].left)])


def test_a_graph_shows_each_value_above_and_each_gradient_below_its_node(ax):
    drawn = drawings.graph(ax, {"$x$": (1, 1.5), "+": (3, 1.5)}, [("$x$", "+")], {"$x$": 2, "+": -0.51234}, {"$x$": 1})
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert at["2"][1] > drawn["$x$"].top[1] and at["1"][1] < drawn["$x$"].bottom[1]
    assert at["-0.512"][0] == 3
    assert np.allclose(ends(ax), [(drawn["$x$"].right, drawn["+"].left)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: drawings.canvas(6, 2), "the width of the canvas is 6, expected a finite number from 1 to 5.0."),
        (lambda ax: drawings.unit(None, (1, 1)), "the type of ax is NoneType, expected the Axes that canvas returns."),
        (lambda ax: drawings.unit(ax, (1, 1, 1)), "the shape of the centre of the unit is (3,), expected (2,)."),
        (
            lambda ax: drawings.box(ax, (1, 1), color="sky"),
            "the colour is 'sky', expected the name of a colour of matplotlib's, such as 'C0'.",
        ),
        (lambda ax: drawings.box(ax, (1, 1), size=(0, 1)), "the size of the box is (0, 1), expected 2 numbers from 0.05 to 10 inches."),
        (lambda ax: drawings.layers(ax, [2], (1, 1), names=[["x"]]), "the layers have [2] units and [1] names, expected as many of each."),
        (
            lambda ax: drawings.pixels(ax, np.eye(3), (1, 1), window=(1, 1, 3, 1)),
            "the window is [1, 1, 3, 1], expected row, column, height and width within the grid of shape (3, 3).",
        ),
        (lambda ax: drawings.pixels(ax, np.eye(3), (1, 1), fmt="d"), "fmt is 'd', expected a format for numbers, such as '.1f'."),
        (lambda ax: drawings.unrolled(ax, 2, (1, 1), names=["x"]), "the names are ['x'], expected three: of input, state and output."),
        (lambda ax: drawings.graph(ax, {"x": (1, 1)}, [("x", "y")], {}), "no place is given for the node 'y', expected one for each node."),
        (lambda ax: drawings.graph(ax, {"x": (1, 1)}, [("x", "x")], {}), "an edge is ['x', 'x'], expected two different nodes."),
    ],
)
def test_what_cannot_be_drawn_is_refused(ax, call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(ax)
