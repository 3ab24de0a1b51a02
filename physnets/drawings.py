"""Drawings of mechanisms in one style: units, layers, boxes, arrows, volumes, pixels, unrolled time, gates and computation graphs.

A canvas is measured in inches, and every text on it has 14 points: a canvas of the greatest width, 5 inches, on a telephone's page of 327
pixels still has letters of 9 points. The ground is white, so that a drawing reads the same on a dark page and on a slide. A shape is
placed by its centre, and the function that draws it returns the points at which arrows start and end.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from physnets.inputs import items, number, numbers, short, text, whole

WIDEST, POINTS = 5.0, 14
LINE = "0.35"  # connections: grey, so that shapes and letters stand out
Point = Sequence[float]


class Anchors(NamedTuple):
    """Where arrows may start and end: the middles of a shape's sides and its centre, each of shape (2,), in inches."""

    left: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    top: np.ndarray
    centre: np.ndarray


def canvas(width: float, height: float) -> Axes:
    """Return Axes for a drawing: `x` from 0 to `width` and `y` from 0 to `height` inches, without frame or ticks.

    Raises:
        ValueError: the width is not from 1 to 5 inches, or the height not from 0.5 to 8.
    """
    width, height = number(width, "the width of the canvas", 1, WIDEST), number(height, "the height of the canvas", 0.5, 8)
    ax = plt.figure(figsize=(width, height), layout="none", facecolor="white").add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
    return ax


def words(ax: Axes, at: Point, label: str, *, color: str = "black", ground: str = "none") -> None:
    """Write a short text around a point, on a ground of a colour where lines run below it.

    Raises:
        ValueError: an argument is not as described.
    """
    x, y = _point(at, "the place of the words")
    box = {"facecolor": _color(ground), "edgecolor": "none", "pad": 1.5}
    _axes(ax).text(
        x, y, text(label, "the label"), size=POINTS, color=_color(color), ha="center", va="center", linespacing=1.2, bbox=box, zorder=5
    )


def unit(ax: Axes, at: Point, label: str = "", *, radius: float = 0.27, color: str = "C0") -> Anchors:
    """Draw a unit, a circle, with its label inside.

    Raises:
        ValueError: an argument is not as described.
    """
    centre, radius = _point(at, "the centre of the unit"), number(radius, "the radius", 0.05, 3)
    _axes(ax).add_patch(Circle(centre, radius, zorder=3, **_look(color)))
    words(ax, centre, label)
    return _anchors(centre, radius, radius)


def box(ax: Axes, at: Point, label: str = "", *, size: Point = (1.1, 0.6), color: str = "C0") -> Anchors:
    """Draw a box with rounded corners, a layer or an operation, `size` its width and height, with its label inside.

    Raises:
        ValueError: an argument is not as described.
    """
    centre, size = _point(at, "the centre of the box"), _size(size, "the size of the box", 2)
    _axes(ax).add_patch(FancyBboxPatch(centre - size / 2, *size, boxstyle="round,pad=0,rounding_size=0.08", zorder=3, **_look(color)))
    words(ax, centre, label)
    return _anchors(centre, *size / 2)


def gate(ax: Axes, at: Point, symbol: str, *, color: str = "C1") -> Anchors:
    """Draw an operation on single numbers: a small circle for one character (`"×"`, `"+"`, `"σ"`), a small box for more (`"tanh"`).

    Raises:
        ValueError: an argument is not as described.
    """
    if len(text(symbol, "the symbol")) > 1:
        return box(ax, at, symbol, size=(0.6, 0.36), color=color)
    return unit(ax, at, symbol, radius=0.18, color=color)


def arrow(ax: Axes, start: Point, end: Point, label: str = "", *, curve: float = 0, color: str = LINE, dashed: bool = False) -> None:
    """Draw an arrow, with its label on a white ground half way.

    Args:
        ax: where to draw.
        start: where it begins.
        end: where its head is.
        label: a short text.
        curve: how far the arrow bends to the right of its direction, as a fraction of its length; negative to the left.
        color: of line and label.
        dashed: for what flows backwards, or only at times.

    Raises:
        ValueError: an argument is not as described.
    """
    start, end = _point(start, "the start of the arrow"), _point(end, "the end of the arrow")
    curve, label = number(curve, "the curve of the arrow", -3, 3), text(label, "the label")
    if not isinstance(dashed, bool):
        raise ValueError(f"dashed is {short(dashed)}, expected True or False.")
    style = {"arrowstyle": "-|>,head_length=6,head_width=3", "mutation_scale": 1, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.5}
    # matplotlib bends by twice as much as the middle of its curve moves
    style |= {"connectionstyle": f"arc3,rad={2 * curve}", "linestyle": "--" if dashed else "-", "color": _color(color)}
    _axes(ax).add_patch(FancyArrowPatch(start, end, zorder=2, **style))
    along = end - start
    words(ax, (start + end) / 2 + curve * np.array([along[1], -along[0]]), label, color=color, ground="white" if label else "none")


def layers(
    ax: Axes,
    sizes: Sequence[int],
    at: Point,
    *,
    names: Sequence[Sequence[str]] | None = None,
    spacing: Point = (1.5, 0.75),
    radius: float = 0.27,
) -> list[list[Anchors]]:
    """Draw fully connected layers of units from left to right, an arrow for each weight.

    Args:
        ax: where to draw.
        sizes: units in each layer, from 1 to 12.
        at: the centre of the first layer.
        names: a list for each layer, with a label for each of its units. A unit named `"..."` stands for those not drawn: three dots, no arrows.
        spacing: from layer to layer and from unit to unit.
        radius: of a unit.

    Returns:
        A list for each layer, with the anchors of each unit.

    Raises:
        ValueError: an argument is not as described.
    """
    sizes = [whole(m, "the size of a layer", 1, 12) for m in items(sizes, "the sizes")]
    labels = [[""] * m for m in sizes] if names is None else [items(row, "the names of a layer") for row in items(names, "the names")]
    if not sizes or [len(row) for row in labels] != sizes:
        raise ValueError(f"the layers have {short(sizes)} units and {short([len(row) for row in labels])} names, expected as many of each.")
    first, (across, down) = _point(at, "the centre of the first layer"), _size(spacing, "the spacing", 2)
    radius, drawn = number(radius, "the radius", 0.05, 3), []
    for layer, row in enumerate(labels):
        places = [np.add(first, (layer * across, down * ((len(row) - 1) / 2 - j))) for j in range(len(row))]
        drawn.append([_dots(ax, at) if name == "..." else unit(ax, at, name, radius=radius) for at, name in zip(places, row, strict=True)])
    for (left, from_names), (right, to_names) in pairwise(zip(drawn, labels, strict=True)):
        for a, b in product(_named(left, from_names), _named(right, to_names)):
            _link(ax, a.centre, b.centre, radius)
    return drawn


def volume(ax: Axes, at: Point, label: str = "", *, size: Sequence[float] = (0.4, 1.0, 0.5), color: str = "C0") -> Anchors:
    """Draw an array with three axes as a cuboid, `size` its width (the channels), height and depth, with its label, the shape, below.

    `at` is the centre of the front, and the anchors are those of the whole.

    Raises:
        ValueError: an argument is not as described.
    """
    centre, (width, height, depth) = _point(at, "the centre of the volume"), _size(size, "the size of the volume", 3)
    back = np.array([0.5, 0.35]) * depth
    half = np.array([width, height]) / 2
    low, high = centre - half, centre + half
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    side, top = corners[[1, 2]], corners[[3, 2]]
    _axes(ax).add_patch(Polygon(corners, zorder=3, **_look(color)))
    for edge in (side, top):
        ax.add_patch(Polygon(np.vstack([edge, edge[::-1] + back]), zorder=3, **_look(color)))
    words(ax, (centre[0] + back[0] / 2, low[1] - 0.17), label)
    return _anchors(centre + back / 2, *(half + back / 2))


def pixels(
    ax: Axes, values: np.ndarray, at: Point, *, cell: float = 0.36, window: Sequence[int] | None = None, fmt: str | None = None
) -> Anchors:
    """Draw a matrix as a grid of square pixels, darker where the value is higher, and frame a window of it.

    Args:
        ax: where to draw.
        values: shape (rows, columns), at most 40 of each; row 0 is at the top.
        at: the centre of the grid.
        cell: side of a pixel.
        window: row and column of the window's first pixel, its height and its width; no window if not given.
        fmt: format of the number written in each pixel, such as `".0f"`; no numbers if not given.

    Raises:
        ValueError: an argument is not as described, or the window lies not within the grid.
    """
    values, centre = numbers(values, "the values", ("rows", "columns")), _point(at, "the centre of the grid")
    if max(values.shape) > 40 or np.abs(values).max() > 1e100:
        raise ValueError(f"the shape of the values is {values.shape}, expected at most 40 rows and columns, of numbers below 1e100.")
    cell = number(cell, "the side of a pixel", 0.02, 3)
    corner = centre + cell * np.array([-values.shape[1], values.shape[0]]) / 2  # top left
    span = np.ptp(values) or 1.0
    for (i, j), value in np.ndenumerate(values):
        dark = (value - values.min()) / span
        low = corner + cell * np.array([j, -i - 1])
        _axes(ax).add_patch(Rectangle(low, cell, cell, facecolor=str(1 - 0.85 * dark), edgecolor=LINE, linewidth=0.8, zorder=3))
        if fmt is not None:
            words(ax, low + cell / 2, _formatted(value, fmt), color="white" if dark > 0.55 else "black")
    if window is not None:
        i, j, height, width = _window(window, values.shape)
        low = corner + cell * np.array([j, -i - height])
        ax.add_patch(Rectangle(low, cell * width, cell * height, facecolor="none", edgecolor="C1", linewidth=4, zorder=4))
    return _anchors(centre, *cell * np.array(values.shape[::-1]) / 2)


def unrolled(ax: Axes, steps: int, at: Point, *, spacing: float = 1.3, names: Sequence[str] = ("x", "h", "y")) -> list[Anchors]:
    """Draw a recurrent unit unrolled in time: one box for each step, its input below, its state handed on to the right, its output above.

    Args:
        ax: where to draw.
        steps: from 1 to 12.
        at: the centre of the first box.
        spacing: from step to step.
        names: letters of input, state and output, which get the step, counted from 1, as an index.

    Returns:
        The anchors of each box, for arrows that go back.

    Raises:
        ValueError: an argument is not as described.
    """
    steps, first = whole(steps, "the number of steps", 1, 12), _point(at, "the centre of the first box")
    spacing, letters = number(spacing, "the spacing", 0.7, 5), [text(name, "a name") for name in items(names, "the names")]
    if len(letters) != 3:
        raise ValueError(f"the names are {short(letters)}, expected three: of input, state and output.")
    x, h, y = letters
    drawn = []
    for step in range(1, steps + 1):
        cell = box(ax, np.add(first, ((step - 1) * spacing, 0)), f"${h}_{{{step}}}$", size=(0.55, 0.5))
        for name, edge, sign in ((x, cell.bottom, -1), (y, cell.top, 1)):
            away = np.add(edge, (0, 0.4 * sign))
            arrow(ax, *((away, edge) if sign < 0 else (edge, away)))
            words(ax, np.add(away, (0, 0.16 * sign)), f"${name}_{{{step}}}$")
        if drawn:
            arrow(ax, drawn[-1].right, cell.left)
        drawn.append(cell)
    return drawn


def graph(
    ax: Axes,
    places: Mapping[str, Point],
    edges: Sequence[tuple[str, str]],
    values: Mapping[str, float],
    gradients: Mapping[str, float] | None = None,
) -> dict[str, Anchors]:
    """Draw a computation graph with its numbers: on each node its value, above, and its gradient, below, in blue and orange.

    Args:
        ax: where to draw.
        places: the centre of each node, by the label that stands in it.
        edges: pairs of nodes, from and to.
        values: what each node computes, by its label; a node without one gets no number.
        gradients: the derivative of the result for each node, likewise.

    Returns:
        The anchors of each node, by its label.

    Raises:
        ValueError: an argument is not as described, or a node has no place.
    """
    tables = {"the places": places, "the values": values, "the gradients": {} if gradients is None else gradients}
    for what, table in tables.items():
        if not isinstance(table, Mapping):
            raise ValueError(f"the type of {what} is {type(table).__name__}, expected a dictionary with the nodes' labels as keys.")
    ends = [items(edge, "an edge") for edge in items(edges, "the edges")]
    for label in [*values, *tables["the gradients"], *(end for edge in ends for end in edge)]:
        if not isinstance(label, str) or label not in places:
            raise ValueError(f"no place is given for the node {short(label)}, expected one for each node.")
    drawn = {text(label, "a label"): unit(ax, place, label) for label, place in places.items()}
    for edge in ends:
        if len(edge) != 2 or edge[0] == edge[1]:
            raise ValueError(f"an edge is {short(edge)}, expected two different nodes.")
        _link(ax, *(drawn[label].centre for label in edge), 0.27)
    for table, side, color in ((values, 1, "C0"), (tables["the gradients"], -1, "#b35900")):
        for label, value in table.items():
            place = np.add(drawn[label].centre, (0, 0.42 * side))
            words(ax, place, f"{number(value, f'the number of the node {short(label)}'):.3g}", color=color)
    return drawn


def _named(drawn, names):
    return [shape for shape, name in zip(drawn, names, strict=True) if name != "..."]


def _link(ax, a, b, radius):
    """An arrow from rim to rim of two units."""
    towards = radius * (b - a) / (np.linalg.norm(b - a) or 1.0)
    arrow(ax, a + towards, b - towards)


def _dots(ax, at):
    for step in (-1, 0, 1):
        _axes(ax).add_patch(Circle(np.add(at, (0, 0.12 * step)), 0.03, color=LINE, zorder=3))
    return _anchors(at, 0.1, 0.2)


def _anchors(centre, half_width, half_height):
    across, up = np.array([half_width, 0.0]), np.array([0.0, half_height])
    return Anchors(centre - across, centre + across, centre - up, centre + up, centre)


def _look(color):
    """A pale filling, on which black letters read well, in a frame of the colour itself."""
    return {"facecolor": 0.78 + 0.22 * np.array(to_rgb(_color(color))), "edgecolor": color, "linewidth": 1.8}


def _point(value, what):
    point = numbers(value, what, (2,))
    if np.abs(point).max() > 100:
        raise ValueError(f"{what} is {short(value)}, expected two numbers within 100 inches.")
    return point


def _size(value, what, count):
    size = numbers(value, what, (count,))
    if size.min() < 0.05 or size.max() > 10:
        raise ValueError(f"{what} is {short(value)}, expected {count} numbers from 0.05 to 10 inches.")
    return size


def _window(window, shape):
    window = [whole(part, "a number of the window", 0) for part in items(window, "the window")]
    if len(window) != 4 or 0 in window[2:] or window[0] + window[2] > shape[0] or window[1] + window[3] > shape[1]:
        raise ValueError(f"the window is {short(window)}, expected row, column, height and width within the grid of shape {shape}.")
    return window


def _formatted(value, fmt):
    try:
        return format(value, text(fmt, "fmt"))
    except (TypeError, ValueError):
        raise ValueError(f"fmt is {short(fmt)}, expected a format for numbers, such as '.1f'.") from None


def _color(value):
    if not isinstance(value, str) or not is_color_like(value):
        raise ValueError(f"the colour is {short(value)}, expected the name of a colour of matplotlib's, such as 'C0'.")
    return value


def _axes(ax):
    if not isinstance(ax, Axes):
        raise ValueError(f"the type of ax is {type(ax).__name__}, expected the Axes that canvas returns.")
    return ax
