# %% w09-1: the printed coupling, whatever is asked for
# Section: Pairs on a ladder
# Hint: Your energy is the same for every $g$ that the function is given.
def second_order(n, g):
    filled, empty = np.arange(n // 2), np.arange(n // 2, n)
    return -np.sum((coupling / 2) ** 2 / (2 * (empty[:, None] - filled)))


# %% w09-1: one particle hops instead of two
# Section: Pairs on a ladder
# Hint: What moves in one hop, and what does that cost?
def second_order(n, g):
    filled, empty = np.arange(n // 2), np.arange(n // 2, n)
    return -np.sum((g / 2) ** 2 / (empty[:, None] - filled))


# %% w09-1: the first step of the coupled-cluster iteration, which has v in the cost
# Section: Pairs on a ladder
# Hint: The pair feels its own attraction before the hop and after it: does it then enter the cost?
def second_order(n, g):
    filled, empty = np.arange(n // 2), np.arange(n // 2, n)
    return -np.sum((g / 2) ** 2 / (2 * (empty[:, None] - filled + g / 2)))


# %% w09-2: the forget gate is not open enough for a thousand steps
# Section: A memory with a valve
# Hint: A gate is never quite open: what is left of a count after a thousand steps through yours?
def counter(s):
    U = np.array([[40.0, 0.0, 0.0, 0.0], [0.0, -40.0, 0.0, 0.0]])
    b = np.array([-20.0, 7.0, np.arctanh(s), 20.0])
    return U, np.zeros((1, 4)), b


# %% w09-2: the tanh of the candidate is forgotten
# Section: A memory with a valve
# Hint: Send a very large pulse through the lecture's `lstm` and through your numbers: what happens to it on its way to the cell?
def counter(s):
    U = np.array([[40.0, 0.0, 0.0, 0.0], [0.0, -40.0, 0.0, 0.0]])
    return U, np.zeros((1, 4)), np.array([-20.0, 20.0, s, 20.0])


# %% w09-2: a reset shuts the input gate too
# Section: A memory with a valve
# Hint: A pulse in the same step as a reset is the first one of the new count; your reset shuts it out.
def counter(s):
    U = np.array([[40.0, 0.0, 0.0, 0.0], [-40.0, -40.0, 0.0, 0.0]])
    return U, np.zeros((1, 4)), np.array([-20.0, 20.0, np.arctanh(s), 20.0])


# %% w09-2: the gates in the order i, f, o, c
# Section: A memory with a valve
# Hint: In which order does `lstm` take its gates?
def counter(s):
    U = np.array([[40.0, 0.0, 0.0, 0.0], [0.0, -40.0, 0.0, 0.0]])
    return U, np.zeros((1, 4)), np.array([-20.0, 20.0, 20.0, np.arctanh(s)])


# %% w09-3: the held values are forecast one step at a time
# Section: Two ways to fool oneself
# Hint: In closed loop the true values end with the known ones: what are the inputs of your forecasts after that?
def held_out_error(known, order, held):
    alpha = fit_ar(known[:-held], order)
    inputs = windows(known, order)[0][-held:, :, 0]
    return np.mean((inputs @ alpha[:-1] + alpha[-1] - known[-held:]) ** 2)


# %% w09-3: the held values are in the fit
# Section: Two ways to fool oneself
# Hint: The values held back are known to the fit.
def held_out_error(known, order, held):
    forecast = roll_ar(fit_ar(known, order), known[:-held], held)
    return np.mean((forecast - known[-held:]) ** 2)


# %% w09-3: the square error is divided by all known points
# Section: Two ways to fool oneself
# Hint: Your errors are too small by the same factor for every order: over how many numbers is the mean?
def held_out_error(known, order, held):
    before = known[:-held]
    forecast = roll_ar(fit_ar(before, order), before, held)
    return np.sum((forecast - known[-held:]) ** 2) / len(known)


# %% w09-4: along the curves instead of along the particles
# Section: What to feed a network
# Hint: One curve is right; for several at once, along which axis do the particles run?
def rebuild(values, known, order):
    for k in reversed(range(order)):
        values = np.diff(known, k)[..., -1:] + np.cumsum(values, axis=0)
    return values


def amplification(order, m):
    return np.prod([(m + k) / (k + 1) for k in range(order)])


# %% w09-4: first differences, or else second ones
# Section: What to feed a network
# Hint: Orders 1 and 2 are right, and the text asks for any.
def rebuild(values, known, order):
    slopes = values if order == 1 else known[-1] - known[-2] + np.cumsum(values)
    return known[-1] + np.cumsum(slopes)


def amplification(order, m):
    return np.prod([(m + k) / (k + 1) for k in range(order)])


# %% w09-4: the error grows as a power
# Section: What to feed a network
# Hint: Sums of a constant error grow, but not quite so fast: add up by hand for $m = 1, 2, 3$ and order 2.
def rebuild(values, known, order):
    for k in reversed(range(order)):
        values = np.diff(known, k)[..., -1:] + np.cumsum(values, axis=-1)
    return values


def amplification(order, m):
    return m**order


# %% w09-5: all directions, whatever is asked for
# Section: Other couplings
# Hint: Your forecast is the same for every $r$.
def emulate(collection, known, r):
    directions = np.linalg.svd(collection, full_matrices=False)[2]
    k = known.shape[1]
    weights = np.linalg.lstsq(directions[:, :k].T, known.T, rcond=None)[0]
    return weights.T @ directions[:, k:]


# %% w09-5: the cut directions are taken to be orthonormal still
# Section: Other couplings
# Hint: Rows that are orthonormal over all 18 energies are not so over the first ones alone: which of your steps takes them to be?
def emulate(collection, known, r):
    directions = np.linalg.svd(collection, full_matrices=False)[2][:r]
    k = known.shape[1]
    return known @ directions[:, :k].T @ directions[:, k:]


# %% w09-5: the lecture's linear map
# Section: Other couplings
# Hint: This is the lecture's map, without any choice of directions.
def emulate(collection, known, r):
    k = known.shape[1]
    return known @ np.linalg.lstsq(collection[:, :k], collection[:, k:], rcond=None)[0]
