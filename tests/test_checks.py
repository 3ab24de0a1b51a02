"""The checks themselves: a gradient check that misses nothing, a results table that raises when it should."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physnets.checks import expect, gradient_error, what_you_should_see

A = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, 4.0]])


def quadratic(theta):
    """C = sum(A W^2) / 2 + 3 b, so dC/dW = A W and dC/db = 3."""
    W, b = theta
    return 0.5 * np.sum(A * W**2) + 3 * np.sum(b)


@pytest.fixture
def parameters():
    return [np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 1.0]]), np.array(0.7)]


@pytest.fixture
def gradients(parameters):
    return [A * parameters[0], np.array(3.0)]


def test_central_differences_of_a_quadratic_are_exact(parameters, gradients):
    assert gradient_error(quadratic, parameters, gradients, step=0.1) < 1e-13
    assert gradient_error(quadratic, parameters, gradients) < 1e-9


@pytest.mark.parametrize("h", [0.5, 0.1, 1e-3])
def test_central_differences_of_a_cubic_are_off_by_the_step_squared(h):
    # ((x + h)^3 - (x - h)^3) / 2h = 3 x^2 + h^2, at x = 1 against the derivative 3
    error = gradient_error(lambda theta: theta[0] ** 3, [np.array(1.0)], [np.array(3.0)], step=h)
    assert error == pytest.approx(h**2 / (3 + h**2), rel=1e-5)


def test_wrong_sign_wrong_factor_and_wrong_entry_are_seen(parameters, gradients):
    W, b = gradients
    assert gradient_error(quadratic, parameters, [-W, b]) == pytest.approx(2)
    assert gradient_error(quadratic, parameters, [W, 2 * b]) == pytest.approx(1)
    assert gradient_error(quadratic, parameters, [W / 2, 2 * b]) == pytest.approx(1)  # the larger of the two
    assert gradient_error(quadratic, parameters, [W[:, ::-1], b]) > 0.1


def test_swapped_axes_of_a_square_matrix_are_seen():
    W, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -2.0])

    def cost(theta):
        return 0.5 * np.sum((theta[0] @ x) ** 2)

    assert gradient_error(cost, [W], [np.outer(W @ x, x)]) < 1e-8
    assert gradient_error(cost, [W], [np.outer(x, W @ x)]) > 0.1


@given(st.floats(-10, 10), st.lists(st.floats(1, 10), min_size=1, max_size=5))
def test_a_gradient_off_by_a_factor_has_that_error(factor, slopes):
    slopes = np.array(slopes)
    error = gradient_error(lambda theta: slopes @ theta[0], [np.zeros_like(slopes)], [factor * slopes])
    assert error == pytest.approx(abs(factor - 1), abs=1e-9)


def test_a_flat_cost_gives_the_absolute_error():
    flat = [np.array([1.0, 2.0])]
    assert gradient_error(lambda theta: 5.0, flat, [np.zeros(2)]) == 0
    assert gradient_error(lambda theta: 5.0, flat, [np.array([3.0, 4.0])]) == 5


def test_the_parameters_stay_as_they_were(parameters, gradients):
    before = [p.copy() for p in parameters]
    gradient_error(quadratic, parameters, gradients)
    for p, q in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p, q)


def test_the_parameters_stay_as_they_were_when_the_cost_fails(parameters, gradients):
    before = parameters[0].copy()

    def cost(theta):
        if theta[0][0, 0] != before[0, 0]:
            raise OverflowError
        return quadratic(theta)

    with pytest.raises(OverflowError):
        gradient_error(cost, parameters, gradients)
    np.testing.assert_array_equal(parameters[0], before)


def test_each_entry_is_put_back_before_the_next_is_moved(parameters, gradients):
    start = np.concatenate([p.ravel() for p in parameters])
    moved = []

    def cost(theta):
        moved.append(np.count_nonzero(np.concatenate([p.ravel() for p in theta]) != start))
        return quadratic(theta)

    gradient_error(cost, parameters, gradients)
    assert max(moved) == 1


def test_the_number_of_arrays_is_checked(parameters, gradients):
    with pytest.raises(ValueError, match=r"^2 parameter arrays and 1 gradients given, expected as many of each, at least one\.$"):
        gradient_error(quadratic, parameters, gradients[:1])
    with pytest.raises(ValueError, match=r"^0 parameter arrays and 0 gradients given"):
        gradient_error(quadratic, [], [])


@pytest.mark.parametrize("step", [0, -1e-5, np.nan, np.inf])
def test_the_step_is_checked(parameters, gradients, step):
    with pytest.raises(ValueError, match=rf"^the step is {step}, expected a (positive number|finite number from 0 to 1)\.$"):
        gradient_error(quadratic, parameters, gradients, step)


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_single_precision_is_refused(parameters, gradients, kind):
    with pytest.raises(ValueError, match=rf"^parameter array 1 is {kind.__name__}, expected float64"):
        gradient_error(quadratic, [parameters[0], parameters[1].astype(kind)], gradients)


def test_an_empty_array_is_refused(parameters, gradients):
    with pytest.raises(ValueError, match=r"^the shape of parameter array 1 is \(0,\), expected at least one number with no length 0\.$"):
        gradient_error(quadratic, [parameters[0], np.zeros(0)], [gradients[0], np.zeros(0)])


def test_the_shape_of_a_gradient_is_checked(parameters, gradients):
    with pytest.raises(ValueError, match=r"^gradient 0 has shape \(3, 2\), expected \(2, 3\), the shape of its parameters\.$"):
        gradient_error(quadratic, parameters, [gradients[0].T, gradients[1]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(parameters, gradients, bad):
    with pytest.raises(ValueError, match=rf"^found {bad} in parameter array 1, expected finite numbers only;"):
        gradient_error(quadratic, [parameters[0], np.array(bad)], gradients)
    with pytest.raises(ValueError, match=rf"^found {bad} in gradient 1, expected finite numbers only;"):
        gradient_error(quadratic, parameters, [gradients[0], np.array(bad)])


def test_a_cost_that_is_not_one_number_is_refused(parameters, gradients):
    with pytest.raises(ValueError, match=r"^the cost has shape \(2, 3\), expected one number: the sum or the mean over the data\.$"):
        gradient_error(lambda theta: theta[0] ** 2, parameters, gradients)


def test_a_cost_that_is_not_finite_is_refused_also_for_a_later_array(parameters, gradients):
    with pytest.raises(ValueError, match=r"^the cost is not finite within a step of the parameters, expected a finite number\.$"):
        gradient_error(lambda theta: quadratic(theta) if theta[1] == 0.7 else np.nan, parameters, gradients)


@pytest.mark.parametrize("kind", [np.float32, lambda cost: float(np.float32(cost))])
def test_a_cost_in_single_precision_is_refused_also_as_a_python_float(parameters, gradients, kind):
    with pytest.raises(
        ValueError, match=r"^the cost (is float32|takes values of single precision only), expected (double precision, )?float64"
    ):
        gradient_error(lambda theta: kind(quadratic(theta)), parameters, gradients)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6, 1e12, 1e30])
def test_the_step_follows_the_size_of_a_parameter(size):
    # The truncation error is a third of (step / size)**2, the rounding error of the cost about 1e-16 / step.
    limit = 1e-9 if size >= 1 else (1e-5 / size) ** 2
    assert gradient_error(lambda theta: np.sum(theta[0] ** 3), [np.array([size])], [np.array([3 * size**2])]) < limit


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_huge_and_tiny_derivatives_are_compared_all_the_same(scale):
    theta, gradient = [np.array([1.0, 2.0])], np.array([scale, 3 * scale])
    right = gradient_error(lambda theta: scale * (theta[0] @ [1.0, 3.0]), theta, [gradient])
    wrong = gradient_error(lambda theta: scale * (theta[0] @ [1.0, 3.0]), theta, [2 * gradient])
    assert right < 1e-9 and wrong == pytest.approx(1)


@pytest.mark.parametrize("answer", [pd.Series([1, 2], index=[5, 3], dtype="Int64"), [1 + 0j, 2], (1, 2.0)])
def test_a_right_answer_of_another_type_is_right(answer):
    expect("x", answer, [1.0, 2.0])
    expect("nothing", [], [])
    with pytest.raises(AssertionError, match=r"^x: found 2 at index 1, expected 3\.$"):
        expect("x", answer, [1, 3])


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as a list of Markdown texts."""
    texts = []
    monkeypatch.setattr("IPython.display.display", lambda markdown: texts.append(markdown.data))
    return texts


def test_results_in_their_bands_are_shown_as_a_table(shown):
    assert what_you_should_see([("accuracy", 0.97123, 0.96, 1), ("loss (eV)", [0.2, 0.1, 0.3], 0.05, 0.3)]) is None
    assert shown == [
        "| Quantity | Measured | Expected |\n"
        "|---|---|---|\n"
        "| accuracy | 0.9712 | 0.96 to 1 |\n"
        "| loss (eV) | 0.1 to 0.3 (3 seeds) | 0.05 to 0.3 |"
    ]


def test_the_ends_belong_to_the_band_and_rows_may_come_from_a_generator(shown):
    what_you_should_see((str(end), end, 1, 2) for end in (1, 2))
    assert "| 2 | 2 | 1 to 2 |" in shown[0]


def test_results_out_of_band_are_shown_first_and_then_raise(shown):
    with pytest.raises(AssertionError) as caught:
        what_you_should_see([("accuracy", 0.9, 0.96, 1), ("epochs", 3, 1, 5), ("loss", 7.0, 0, 1)])
    assert str(caught.value) == "outside the expected band: accuracy is 0.9, expected 0.96 to 1; loss is 7, expected 0 to 1."
    assert len(shown) == 1
    assert "| epochs | 3 | 1 to 5 |" in shown[0]


@pytest.mark.parametrize("odd_one", [0.9, 1.1, np.nan, np.inf])
def test_one_seed_of_five_outside_raises(shown, odd_one):
    with pytest.raises(AssertionError, match=r"^outside the expected band: accuracy is .* \(5 seeds\), expected 0\.96 to 1\.$"):
        what_you_should_see([("accuracy", [0.97, 0.98, odd_one, 0.97, 0.99], 0.96, 1)])
    assert len(shown) == 1


def test_a_value_that_is_not_a_number_raises(shown):
    with pytest.raises(AssertionError, match=r"^outside the expected band: loss is nan, expected 0 to 1\.$"):
        what_you_should_see([("loss", float("nan"), 0, 1)])
    assert "| loss | nan | 0 to 1 |" in shown[0]


NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(NUMBERS, min_size=1), st.tuples(NUMBERS, NUMBERS).map(sorted))
def test_the_table_raises_exactly_when_a_value_is_outside(values, band):
    low, high = band
    outside = any(value < low or value > high for value in values)
    with mock.patch("IPython.display.display") as display:
        try:
            what_you_should_see([("x", values, low, high)])
        except AssertionError:
            assert outside
        else:
            assert not outside
    display.assert_called_once()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"^the table has no rows, expected at least one result\.$"),
        (
            [("|E|", 1, 0, 2)],
            r"^what was measured is '\|E\|', expected a text without a '\|' or a line break, which would break the table\.$",
        ),
        ([("E", [], 0, 2)], r"^the shape of the value of 'E' is \(0,\), expected at least one number with no length 0\.$"),
        ([("E", 1, 2, 0)], r"^the band of 'E' is 2 to 0, expected the lower end first\.$"),
        ([("E", 1, np.nan, 2)], r"^the lower end of 'E' is nan, expected a finite number\.$"),
        ([("E", 1, 0, np.inf)], r"^the upper end of 'E' is inf, expected a finite number\.$"),
        (
            [("E", 0.5, 0)],
            r"^a row of the table is \('E', 0\.5, 0\), expected four things: what was measured, its value, lowest and highest\.$",
        ),
        ([("E", 1, 0, 2), ("F", 1, 2, 0)], r"^the band of 'F' is 2 to 0"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused(shown, rows, message):
    with pytest.raises(ValueError, match=message):
        what_you_should_see(rows)
    assert not shown


def test_conclusions_are_shown_below_the_results_with_how_often_they_hold(shown):
    what_you_should_see(
        [("loss", 0.5, 0, 1)],
        [("Training lowers the loss.", np.bool_(True)), ("Every start learns.", np.array([0.1, 0.2, 0.3]) < 0.4)],
    )
    assert shown == [
        "| Quantity | Measured | Expected |\n|---|---|---|\n| loss | 0.5 | 0 to 1 |\n\n"
        "| Conclusion | Holds |\n|---|---|\n| Training lowers the loss | yes |\n| Every start learns | 3 of 3 |"
    ]


def test_conclusions_that_do_not_hold_are_shown_first_and_then_raise_beside_the_bands(shown):
    with pytest.raises(AssertionError) as caught:
        what_you_should_see(
            [("loss", 2.0, 0, 1), ("epochs", 3, 1, 5)],
            [("A wins.", [True, False, True]), ("B wins.", True), ("C wins.", False)],
        )
    assert str(caught.value) == "outside the expected band: loss is 2, expected 0 to 1. expected to hold: A wins (2 of 3); C wins (no)."
    assert "| A wins | 2 of 3 |\n| B wins | yes |\n| C wins | no |" in shown[0]


@given(st.lists(st.booleans(), min_size=1))
def test_a_conclusion_raises_exactly_when_one_of_its_starts_fails(held):
    with mock.patch("IPython.display.display") as display:
        try:
            what_you_should_see([("x", 1, 0, 2)], [("It holds.", held)])
        except AssertionError:
            assert not all(held)
        else:
            assert all(held)
    display.assert_called_once()


@pytest.mark.parametrize(
    ("conclusion", "message"),
    [
        ("It holds.", r"^a conclusion is 'It holds\.', expected two things: a sentence and its condition\.$"),
        ((1, True), r"^a conclusion is 1, expected a text without"),
        (("a | b", True), r"^a conclusion is 'a \| b', expected a text without"),
        (("It holds.", 0.9), r"^the condition of 'It holds\.' is 0\.9, expected True or False, or one of them for each start\.$"),
        (("It holds.", [1, 1]), r"^the condition of 'It holds\.' is \[1, 1\], expected True or False"),
        (("It holds.", []), r"^the shape of the condition of 'It holds\.' is \(0,\), expected one number or \(starts,\)"),
    ],
)
def test_a_conclusion_that_cannot_be_judged_is_refused(shown, conclusion, message):
    with pytest.raises(ValueError, match=message):
        what_you_should_see([("loss", 0.5, 0, 1)], [conclusion])
    assert not shown


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (None, "the slopes: found None, expected an array of shape (2,); no answer yet."),
        ("half", "the slopes: found the type str, expected an array of shape (2,)."),
        ([1.0], "the slopes: found the shape (1,), expected (2,)."),
        ([1.0, 2.5], "the slopes: found 2.5 at index 1, expected 2."),
    ],
)
def test_a_wrong_answer_is_named_in_a_sentence_that_suits_one_quantity_and_several(got, message):
    with pytest.raises(AssertionError) as caught:
        expect("the slopes", got, [1.0, 2.0])
    assert str(caught.value) == message
