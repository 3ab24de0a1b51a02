"""The pairing model against published energies and an exact diagonalisation; the oscillator against its own equation."""

import itertools
import re

import numpy as np
import pytest

from physnets.physics import driven_oscillator, oscillator, pairing_energy

# Correlation energies for 2, 4, ..., 40 particles at g = 0.5, as printed in the source lectures.
PUBLISHED = [
    -0.03077640549, -0.08336233266, -0.1446729567, -0.2116753732, -0.2830637392, -0.3581341341, -0.436462435,
    -0.5177783846, -0.6019067271, -0.6887363571, -0.7782028952, -0.8702784034, -0.9649652536, -1.062292565,
    -1.16231451, -1.265109911, -1.370782966, -1.479465113, -1.591317992, -1.70653767,
]  # fmt: skip


def test_the_energies_are_the_published_ones():
    found = [pairing_energy(particles) for particles in range(2, 42, 2)]
    np.testing.assert_allclose(found, PUBLISHED, rtol=0, atol=2e-7)  # they were printed after an iteration stopped at about 1e-7


def exact(particles, g):
    """The lowest eigenvalue of the pairs' Hamiltonian, less the energy of the filled levels."""
    states = list(itertools.combinations(range(particles), particles // 2))
    matrix = np.diag([2.0 * sum(state) - g / 2 * len(state) for state in states])
    for i, j in itertools.permutations(range(len(states)), 2):
        if len(set(states[i]) - set(states[j])) == 1:  # one pair hops
            matrix[i, j] = -g / 2
    return np.linalg.eigvalsh(matrix)[0] - matrix[0, 0]


@pytest.mark.parametrize("g", [-1.0, -0.7, -0.1, 0.0, 0.3, 0.5, 1.0, 3.0, 20.0, 1e3])
def test_one_pair_is_solved_exactly(g):
    """One pair leaves nothing for more than double excitations."""
    assert pairing_energy(2, g) == pytest.approx(exact(2, g), rel=1e-10, abs=1e-11)


@pytest.mark.parametrize("g", [-1.0, -0.5, -0.1, 0.1, 0.3, 0.5])
def test_two_pairs_of_weak_pairing_are_nearly_exact(g):
    """What CCD leaves out begins with the fourth power of g; at g = 0.5 and -1 it is 0.16 and 0.5 per cent."""
    assert pairing_energy(4, g) == pytest.approx(exact(4, g), rel=0.03 * g**2, abs=1e-11)


def test_the_docstring_names_the_errors_of_two_pairs():
    errors = [pairing_energy(4, g) / exact(4, g) - 1 for g in (0.5, 1.1, 3)]
    assert [f"{100 * error:.2g}" for error in errors] == ["0.16", "1.8", "15"]


@pytest.mark.parametrize("particles", [2, 4])
@pytest.mark.parametrize("g", [-1.01, -2.9, -3, -20])
def test_repulsion_that_leads_to_another_state_is_refused(particles, g):
    with pytest.raises(ValueError, match=rf"^the pairing strength is {g}, expected a finite number, -1 or more\.$"):
        pairing_energy(particles, g)


def test_weak_coupling_is_second_order_perturbation_theory():
    occupied, empty = np.arange(3), np.arange(3, 6)[:, None]
    expected = -(0.001**2 / 4 / (2 * (empty - occupied))).sum()
    assert pairing_energy(6, 0.001) == pytest.approx(expected, rel=5e-3)  # the next order is smaller by about g


@pytest.mark.parametrize("particles", [3, 0, -2, 2.5, "4"])
def test_a_wrong_particle_number_gets_one_sentence(particles):
    with pytest.raises(
        ValueError, match=rf"^the number of particles is {particles!r}, expected (a whole number from 2 to 1000|an even number)\.$"
    ):
        pairing_energy(particles)


@pytest.mark.parametrize("g", [np.nan, np.inf])
def test_a_coupling_that_is_not_finite_gets_one_sentence(g):
    with pytest.raises(ValueError, match=rf"^the pairing strength is {g}, expected a finite number, -1 or more\.$"):
        pairing_energy(4, g)


@pytest.mark.parametrize(("particles", "g"), [(40, 2.0), (4, 1e308), (100, 1.0)])
@pytest.mark.filterwarnings("error")
def test_where_the_iteration_fails_one_sentence_says_so(particles, g):
    with pytest.raises(
        ArithmeticError, match=rf"^the coupled-cluster iteration does not converge for {particles} particles at g = {re.escape(f'{g:g}')};"
    ):
        pairing_energy(particles, g)


TIMES = np.linspace(0, 30, 301)
CASES = [0.0, 0.1, 0.7, 1.0, 2.5]


@pytest.mark.parametrize("damping", CASES)
@pytest.mark.parametrize("frequency", [0.3, 0.95, 2.0])
def test_the_exact_solution_and_the_integration_agree(damping, frequency):
    start = {"position": 0.8, "velocity": -0.4}
    exact = driven_oscillator(TIMES, damping=damping, amplitude=1.5, frequency=frequency, **start)
    found = oscillator(TIMES, lambda t: 1.5 * np.cos(frequency * t), damping=damping, **start)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * np.abs(exact).max())
    np.testing.assert_allclose(exact[0], [0.8, -0.4], atol=1e-12)


def test_resonance_has_the_amplitude_of_the_formula():
    late = driven_oscillator(np.linspace(500, 510, 2001), damping=0.1, amplitude=1.0, frequency=1.0)
    assert np.abs(late[:, 0]).max() == pytest.approx(1 / (2 * 0.1), rel=1e-4)


@pytest.mark.filterwarnings("error")
def test_strong_damping_over_a_long_time_does_not_overflow():
    late = driven_oscillator(np.array([0.0, 5000.0]), damping=50.0, amplitude=0.0, frequency=1.0, position=1.0)
    assert late[1, 0] == pytest.approx(np.exp(-5000 * (50 - np.sqrt(2499))) * (50 + np.sqrt(2499)) / (2 * np.sqrt(2499)), rel=1e-6)


def test_the_integration_keeps_its_precision_over_a_long_time_without_damping():
    times = np.linspace(0, 300, 301)
    exact = driven_oscillator(times, damping=0.0, amplitude=1.5, frequency=2.0, position=0.8)
    found = oscillator(times, lambda t: 1.5 * np.cos(2 * t), damping=0.0, position=0.8)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * np.abs(exact).max())


def test_a_short_push_is_not_stepped_over():
    found = oscillator(np.array([0.0, 40.0, 41.0]), lambda t: float(40 < t < 40.2), damping=0.5)
    assert found[-1, 0] > 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"damping": -0.1}, r"^the damping is -0\.1, expected a finite number from 0 to 1000\.$"),
        ({"damping": np.nan}, r"^the damping is nan, expected a finite number from 0 to 1000\.$"),
        ({"position": np.inf}, r"^the position is inf, expected a finite number\.$"),
        ({"times": [0.0, 2.0, 1.0]}, r"^the times have shape \(3,\), expected at least two, each larger than the one before\.$"),
        ({"times": [0.0]}, r"^the times have shape \(1,\)"),
    ],
)
def test_bad_input_gets_one_sentence(changes, message):
    arguments = {"times": [0.0, 1.0], "damping": 0.1} | changes
    times = arguments.pop("times")
    with pytest.raises(ValueError, match=message):
        oscillator(times, lambda t: 0.0, **arguments)
    with pytest.raises(ValueError, match=message):
        driven_oscillator(times, amplitude=1.0, frequency=0.5, **arguments)


def test_a_force_that_becomes_infinite_and_an_endless_resonance_get_one_sentence():
    with pytest.raises(ValueError, match=r"^the integration stopped at t = 1, expected a force that stays finite and is smoother there\.$"):
        oscillator([0.99, 1.01], lambda t: 1 / (1 - t) ** 2, damping=0.1)
    with pytest.raises(ValueError, match=r"^the force at t = 0 is inf, expected a finite number\.$"):
        oscillator([0.0, 2.0], lambda t: 1 / t if t else np.inf, damping=0.1)
    with pytest.raises(ValueError, match=r"^the force at t = 0 is array\(\[1\.\]\), expected a finite number\.$"):
        oscillator([0.0, 2.0], lambda t: np.ones(1), damping=0.1)
    with pytest.raises(ValueError, match=r"^damping 0 at frequency 1 has no steady state"):
        driven_oscillator([0.0, 1.0], damping=0.0, amplitude=1.0, frequency=1.0)
