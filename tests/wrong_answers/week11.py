# %% w11-1: as if there were as many real as generated
# Section: A game
# Hint: Your discriminator does not know how many samples of each kind there are in a batch.
def best_discriminator(p, q, n_real, n_fake):
    return p / (p + q)


def density_ratio(D, n_real, n_fake):
    return D / (1 - D)


# %% w11-1: the counts of the example
# Section: A game
# Hint: The counts of the example are used instead of those that your functions are given.
counts = n_real, n_fake


def best_discriminator(p, q, n_real, n_fake):
    return counts[0] * p / (counts[0] * p + counts[1] * q)


def density_ratio(D, n_real, n_fake):
    return counts[1] * D / (counts[0] * (1 - D))


# %% w11-1: from the odds, which are infinite where only the data are
# Section: A game
# Hint: Try a place where one of the two densities is zero.
def best_discriminator(p, q, n_real, n_fake):
    odds = n_real * p / (n_fake * q)
    return odds / (1 + odds)


def density_ratio(D, n_real, n_fake):
    return n_fake * D / (n_real * (1 - D))


# %% w11-1: the counts corrected the wrong way round
# Section: A game
# Hint: The first function is right; the second should take back what the first did with the counts.
def best_discriminator(p, q, n_real, n_fake):
    return n_real * p / (n_real * p + n_fake * q)


def density_ratio(D, n_real, n_fake):
    return n_real * D / (n_fake * (1 - D))


# %% w11-2: protons taken to be one half of all
# Section: Two ways to know a particle
# Hint: For particles of which both kinds are equally frequent you are right: where does the share of protons enter Bayes' rule?
def neuron(mean0, mean1, cov, share):
    w = np.linalg.solve(cov, mean1 - mean0)
    return w, -w @ (mean0 + mean1) / 2


def indistinguishable(x, w, r):
    return x + r * np.array([-w[1], w[0]]) / np.linalg.norm(w)


# %% w11-2: the covariances left out
# Section: Two ways to know a particle
# Hint: Your weights stay as they are when the two numbers of a particle become correlated: should they?
def neuron(mean0, mean1, cov, share):
    w = (mean1 - mean0) / np.diag(cov)
    return w, -w @ (mean0 + mean1) / 2 + np.log(share / (1 - share))


def indistinguishable(x, w, r):
    return x + r * np.array([-w[1], w[0]]) / np.linalg.norm(w)


# %% w11-2: the part of the protons with the wrong sign
# Section: Two ways to know a particle
# Hint: If there are more protons, is the neuron to say *proton* more easily or less?
def neuron(mean0, mean1, cov, share):
    w = np.linalg.solve(cov, mean1 - mean0)
    return w, -w @ (mean0 + mean1) / 2 - np.log(share / (1 - share))


def indistinguishable(x, w, r):
    return x + r * np.array([-w[1], w[0]]) / np.linalg.norm(w)


# %% w11-2: moved along the second number, right for the example alone
# Section: Two ways to know a particle
# Hint: Your step keeps the answer for the example's weights alone: in which direction does a weighted sum not change?
def neuron(mean0, mean1, cov, share):
    w = np.linalg.solve(cov, mean1 - mean0)
    return w, -w @ (mean0 + mean1) / 2 + np.log(share / (1 - share))


def indistinguishable(x, w, r):
    return x + np.array([0, r])


# %% w11-3: the colleague's costs as they are
# Section: A game
# Hint: These are the colleague's costs as they were: four things differ from the lecture.
def costs(d_real, d_fake):
    def entropy(D, target):
        return -(target * np.log(D) + (1 - target) * np.log(1 - D))

    D_real, D_fake = sigmoid(d_real), sigmoid(d_fake)
    cost_d = np.mean(np.concatenate([entropy(D_real, 0.9), entropy(D_fake, 0.1)]))
    return np.mean(np.log(1 - D_fake)), cost_d


# %% w11-3: still a logarithm of zero far out
# Section: A game
# Hint: Try logits of 800: where does the logarithm of zero come from, and can it be avoided before it arises?
def costs(d_real, d_fake):
    D_real, D_fake = sigmoid(d_real), sigmoid(d_fake)
    cost_d = -np.mean(0.9 * np.log(D_real) + 0.1 * np.log(1 - D_real)) - np.mean(np.log(1 - D_fake))
    return -np.mean(np.log(D_fake)), cost_d


# %% w11-3: one mean over all samples, doubled
# Section: A game
# Hint: With as many real as generated samples you are right: what should a short batch of real ones count?
def costs(d_real, d_fake):
    real = 0.9 * np.logaddexp(0, -d_real) + 0.1 * np.logaddexp(0, d_real)
    cost_d = 2 * np.mean(np.concatenate([real, np.logaddexp(0, d_fake)]))
    return np.mean(np.logaddexp(0, -d_fake)), cost_d


# %% w11-3: the generator's target smoothed as well
# Section: What the value measures
# Hint: Which player's targets are smoothed, and on which of its samples?
def costs(d_real, d_fake):
    real = 0.9 * np.logaddexp(0, -d_real) + 0.1 * np.logaddexp(0, d_real)
    cost_g = np.mean(0.9 * np.logaddexp(0, -d_fake) + 0.1 * np.logaddexp(0, d_fake))
    return cost_g, np.mean(real) + np.mean(np.logaddexp(0, d_fake))


# %% w11-4: one zero between the values, whatever the stride
# Section: A generator of digits
# Hint: Stride 2 is right; how many zeros belong between two values otherwise?
def transposed(y, w, s):
    spread = np.zeros(2 * len(y) - 1)
    spread[::2] = y
    return np.convolve(spread, w)


def contributions(k, s):
    return np.array([len(range(r, k, s)) for r in range(s)])


# %% w11-4: the kernel turned round
# Section: A generator of digits
# Hint: The way back uses the same products of cell and weight as the way there: is the kernel turned?
def transposed(y, w, s):
    spread = np.zeros((len(y) - 1) * s + 1)
    spread[::s] = y
    return np.convolve(spread, w[::-1])


def contributions(k, s):
    return np.array([len(range(r, k, s)) for r in range(s)])


# %% w11-4: the remainder given to the first cell alone
# Section: A generator of digits
# Hint: Which cells get one contribution more than others, if the stride does not divide the width?
def transposed(y, w, s):
    spread = np.zeros((len(y) - 1) * s + 1)
    spread[::s] = y
    return np.convolve(spread, w)


def contributions(k, s):
    return np.array([k // s + k % s] + [k // s] * (s - 1))


# %% w11-4: contributions overwrite each other
# Section: A generator of digits
# Hint: What arrives at a cell that several values lead to, and what is left of it in your function?
def transposed(y, w, s):
    x = np.zeros((len(y) - 1) * s + len(w))
    for i, value in enumerate(y):
        x[i * s : i * s + len(w)] = value * w
    return x


def contributions(k, s):
    return np.array([len(range(r, k, s)) for r in range(s)])


# %% w11-5: the real step begins at the trial place
# Section: Why the players circle
# Hint: The trial step is only looked at: where does the real step begin?
def look_ahead(eta, steps, start):
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        trial = path[-1] + eta * velocity(path[-1])
        path.append(trial + eta * velocity(trial))
    return np.array(path)


def growth(eta):
    return 1 + eta**2 / 4


def steps_to_rest(eta, r):
    distance = np.linalg.norm(look_ahead(eta, 3000, (0, r)), axis=1)
    rest = np.flatnonzero(distance < r / 100)
    return int(rest[0]) if len(rest) else 3000


# %% w11-5: the steps from the growth near the solution
# Section: Why the players circle
# Hint: Far from the solution the growth is not the one that you derived; the game has to be played.
def look_ahead(eta, steps, start):
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        u = path[-1]
        path.append(u + eta * velocity(u + eta * velocity(u)))
    return np.array(path)


def growth(eta):
    return np.sqrt(1 - eta**2 / 4 + eta**4 / 16)


def steps_to_rest(eta, r):
    steps = np.log(100) / -np.log(growth(eta))
    return min(3000, int(np.ceil(steps))) if steps > 0 else 3000


# %% w11-5: the root is missing
# Section: Why the players circle
# Hint: You return the growth of one quantity and are asked for that of another one: of which?
def look_ahead(eta, steps, start):
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        u = path[-1]
        path.append(u + eta * velocity(u + eta * velocity(u)))
    return np.array(path)


def growth(eta):
    return 1 - eta**2 / 4 + eta**4 / 16


def steps_to_rest(eta, r):
    distance = np.linalg.norm(look_ahead(eta, 3000, (0, r)), axis=1)
    rest = np.flatnonzero(distance < r / 100)
    return int(rest[0]) if len(rest) else 3000


# %% w11-5: one step too many is counted
# Section: Why the players circle
# Hint: After which step is the game at rest, if the start counts as none?
def look_ahead(eta, steps, start):
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        u = path[-1]
        path.append(u + eta * velocity(u + eta * velocity(u)))
    return np.array(path)


def growth(eta):
    return np.sqrt(1 - eta**2 / 4 + eta**4 / 16)


def steps_to_rest(eta, r):
    distance = np.linalg.norm(look_ahead(eta, 3000, (0, r)), axis=1)
    rest = np.flatnonzero(distance < r / 100)
    return int(rest[0]) + 1 if len(rest) else 3000
