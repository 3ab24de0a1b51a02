# %% w01-1: one input too many is asked for
def coincidence(n, k):
    return np.ones(n), -0.5 - k


# %% w01-1: right for the example alone
def coincidence(n, k):
    return np.ones(n), 0.5 - n_needed


# %% w01-1: undecided at the threshold
def coincidence(n, k):
    return np.ones(n), -k


# %% w01-2: the biases are forgotten
def count_parameters(sizes):
    return sum(left * right for left, right in pairwise(sizes))


def count_multiplications(sizes, n):
    return n * count_parameters(sizes)


# %% w01-2: a multiplication counted for each bias
def count_parameters(sizes):
    return sum((left + 1) * right for left, right in pairwise(sizes))


def count_multiplications(sizes, n):
    return n * count_parameters(sizes)


# %% w01-2: only the first and the last layer multiply
def count_parameters(sizes):
    return sum((left + 1) * right for left, right in pairwise(sizes))


def count_multiplications(sizes, n):
    return n * (sizes[0] * sizes[1] + sizes[-2] * sizes[-1])


# %% w01-3: all that moves with the pulse is called convolutional
def kind(nothing, weak, strong):
    if np.allclose(strong, 0):
        return "radial-basis"
    moves = np.allclose(weak[60, 60:], weak[50, 50:90])
    return "convolutional" if moves else "dense"


# %% w01-3: a neighbourhood of five samples and no more
def kind(nothing, weak, strong):
    if np.allclose(strong, 0):
        return "radial-basis"
    i, t = np.nonzero(np.abs(weak - nothing) > 1e-12)
    if np.all(np.abs(t - i) <= 2):
        return "convolutional"
    return "recurrent" if np.all(t >= i) else "dense"


# %% w01-3: the response to nothing is not taken away
def kind(nothing, weak, strong):
    if np.allclose(strong, 0):
        return "radial-basis"
    i, t = np.nonzero(np.abs(weak) > 1e-12)
    if np.all(np.abs(t - i) <= 7):
        return "convolutional"
    return "recurrent" if np.all(t >= i) else "dense"


# %% w01-4: the notes as they are
def slopes(z):
    sigma = 1 / (1 + np.exp(-z))
    return np.array([sigma * (1 + sigma), 1 - np.tanh(z), np.where(z > 0, 1, 0), np.where(z > 0, 1, np.exp(z))])


# %% w01-4: the slope at 0 from the right
def slopes(z):
    sigma = 1 / (1 + np.exp(-z))
    leaky, elu = np.where(z >= 0, 1, 0.01), np.where(z > 0, 1, np.exp(z))
    return np.array([sigma * (1 - sigma), 1 - np.tanh(z) ** 2, leaky, elu])


# %% w01-5: slopes instead of changes of slope
def hinges(x, y):
    return y[0], np.diff(y) / np.diff(x)


# %% w01-5: changes counted from the first slope
def hinges(x, y):
    slope = np.diff(y) / np.diff(x)
    return y[0], np.concatenate([slope[:1], slope[1:] - slope[0]])


# %% w01-5: nodes taken to be one apart
def hinges(x, y):
    return y[0], np.diff(np.diff(y), prepend=0)


# %% w01-6: the mean instead of the median
def median_error(M):
    errors = []
    for seed in range(10):
        v = np.linalg.lstsq(hidden_layer(r_fit, M, seed), morse(r_fit), rcond=None)[0]
        errors.append(np.sqrt(np.mean((hidden_layer(r_judge, M, seed) @ v - morse(r_judge)) ** 2)))
    return np.mean(errors)


# %% w01-6: judged on the distances of the fit
def median_error(M):
    errors = []
    for seed in range(10):
        v = np.linalg.lstsq(hidden_layer(r_fit, M, seed), morse(r_fit), rcond=None)[0]
        errors.append(np.sqrt(np.mean((hidden_layer(r_fit, M, seed) @ v - morse(r_fit)) ** 2)))
    return np.median(errors)
