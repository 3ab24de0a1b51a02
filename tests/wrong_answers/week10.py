# %% w10-1: right for the printed window and horizon alone
# Section: Baselines first
# Hint: Your ratios do not follow the window and horizon that the functions are given.
def drift_ratio(m, h):
    return np.sqrt(1 + horizon / (look_back - 1))


def average_ratio(m, h):
    return np.sqrt(1 + (look_back - 1) * (2 * look_back - 1) / (6 * look_back * horizon))


# %% w10-1: the past steps of the trend are forgotten
# Section: Baselines first
# Hint: Which steps enter the prediction of the trend, and which of them does your error know?
def drift_ratio(m, h):
    return 1.0


def average_ratio(m, h):
    return np.sqrt(1 + (m - 1) * (2 * m - 1) / (6 * m * h))


# %% w10-1: the mean is taken to be as old as the middle of the window
# Section: Baselines first
# Hint: The mean of the window is not one old value: with which weight does each past step enter its error?
def drift_ratio(m, h):
    return np.sqrt(1 + h / (m - 1))


def average_ratio(m, h):
    return np.sqrt(1 + (m - 1) / (2 * h))


# %% w10-2: test windows may not reach back
# Section: What exactly is forecast
# Hint: You have too few test windows: which of a window's days have to be test days, and which need not?
def prepare(p, first, look_back, foresight):
    scaled = (p - p[:first].mean()) / p[:first].std()
    (x, t), (x_test, t_test) = (windows(part, look_back, foresight + 1) for part in (scaled[:first], scaled[first:]))
    return x[..., 0], t[:, -1, 0], x_test[..., 0], t_test[:, -1, 0]


# %% w10-2: scaled by all days
# Section: What exactly is forecast
# Hint: The scale knows days that lie in the future of the training.
def prepare(p, first, look_back, foresight):
    scaled = (p - p.mean()) / p.std()
    (x, t), (x_test, t_test) = (windows(part, look_back, foresight + 1) for part in (scaled[:first], scaled[first - look_back :]))
    return x[..., 0], t[:, -1, 0], x_test[..., 0], t_test[:, -1, 0]


# %% w10-2: one day short
# Section: What exactly is forecast
# Hint: Count the days from the last day of the window to the target once more.
def prepare(p, first, look_back, foresight):
    scaled = (p - p[:first].mean()) / p[:first].std()
    (x, t), (x_test, t_test) = (windows(part, look_back, foresight) for part in (scaled[:first], scaled[first - look_back :]))
    return x[..., 0], t[:, -1, 0], x_test[..., 0], t_test[:, -1, 0]


# %% w10-2: test windows are all whose target is a test day
# Section: What exactly is forecast
# Hint: Some of your test windows have days among the ones skipped that are training days.
def prepare(p, first, look_back, foresight):
    scaled = (p - p[:first].mean()) / p[:first].std()
    x, t = windows(scaled, look_back, foresight + 1)
    aim = np.arange(len(x)) + look_back + foresight
    x, t = x[..., 0], t[:, -1, 0]
    return x[aim < first], t[aim < first], x[aim >= first], t[aim >= first]


# %% w10-3: an equal error counts as better
# Section: Three networks, stopped in time
# Hint: How much the best flatters is right; when a later epoch is exactly as good as the best so far, which of them is kept?
def flattery(n):
    x = np.linspace(-9, 9, 20001)
    return np.sum(n * x * norm.pdf(x) * norm.cdf(x) ** (n - 1)) * (x[1] - x[0])


def stop_early(errors, patience):
    best = 0
    for epoch, error in enumerate(errors):
        if error <= errors[best]:
            best = epoch
        if epoch - best == patience:
            break
    return epoch + 1, best + 1


# %% w10-3: the lowest error of all epochs, those after the end too
# Section: Three networks, stopped in time
# Hint: The training cannot know epochs that come after its end.
def flattery(n):
    x = np.linspace(-9, 9, 20001)
    return np.sum(n * x * norm.pdf(x) * norm.cdf(x) ** (n - 1)) * (x[1] - x[0])


def stop_early(errors, patience):
    best = int(np.argmin(errors))
    return min(best + patience, len(errors) - 1) + 1, best + 1


# %% w10-3: the median of the lowest instead of its mean
# Section: Three networks, stopped in time
# Hint: When the training ends is right; asked of the best of $n$ is its value *on average*.
def flattery(n):
    return -norm.ppf(1 - 0.5 ** (1 / n))


def stop_early(errors, patience):
    best = 0
    for epoch, error in enumerate(errors):
        if error < errors[best]:
            best = epoch
        if epoch - best == patience:
            break
    return epoch + 1, best + 1


# %% w10-4: part of a block counts as a block
# Section: How sure is a ratio?
# Hint: Try a number of days that is no multiple of the block's length: how many blocks does a draw have?
def block_error(e, block):
    n = len(e)
    days = (np.arange(n)[:, None] + np.arange(block)) % n
    return e[days].mean(axis=1).std() / np.sqrt(n / block)


# %% w10-4: blocks that do not go round the end
# Section: How sure is a ratio?
# Hint: In how many of your blocks is the first day, and in how many a day in the middle?
def block_error(e, block):
    n = len(e)
    days = np.arange(n - block + 1)[:, None] + np.arange(block)
    return e[days].mean(axis=1).std() / np.sqrt(n // block)


# %% w10-4: as if all days were independent
# Section: How sure is a ratio?
# Hint: Days that follow each other are not independent; your result does not depend on the length of a block.
def block_error(e, block):
    return e.std() / np.sqrt(len(e))


# %% w10-5: the covariance in place of the correlation
# Section: Committing the crime
# Hint: An indicator with a larger scatter looks better to you than it is: a correlation has no unit.
def votes(indicators, r, first, k, peek):
    days = len(r) if peek else first
    judged = np.abs((indicators[:days] - indicators[:days].mean(axis=0)).T @ (r[:days] - r[:days].mean()))
    best = np.argsort(-judged)[:k]
    training = (indicators[:first] - indicators[:first].mean(axis=0)).T @ (r[:first] - r[:first].mean())
    return np.mean(indicators[first:, best] * np.sign(training[best]), axis=1)


# %% w10-5: the sign comes from all days as well
# Section: Committing the crime
# Hint: Two things are learnt from the days, which indicator and with which sign: which days may each of the two know?
def votes(indicators, r, first, k, peek):
    days = len(r) if peek else first
    X, t = indicators[:days] - indicators[:days].mean(axis=0), r[:days] - r[:days].mean()
    judged = X.T @ t / np.linalg.norm(X, axis=0)
    best = np.argsort(-np.abs(judged))[:k]
    return np.mean(indicators[first:, best] * np.sign(judged[best]), axis=1)


# %% w10-5: always chosen on all days
# Section: Committing the crime
# Hint: Your choice is the same with and without peeking.
def votes(indicators, r, first, k, peek):
    X, t = indicators - indicators.mean(axis=0), r - r.mean()
    best = np.argsort(-np.abs(X.T @ t / np.linalg.norm(X, axis=0)))[:k]
    training = (indicators[:first] - indicators[:first].mean(axis=0)).T @ (r[:first] - r[:first].mean())
    return np.mean(indicators[first:, best] * np.sign(training[best]), axis=1)


# %% w10-5: the largest correlation instead of the largest absolute one
# Section: Committing the crime
# Hint: An indicator that always says the opposite is as useful as one that is right.
def votes(indicators, r, first, k, peek):
    days = len(r) if peek else first
    X, t = indicators[:days] - indicators[:days].mean(axis=0), r[:days] - r[:days].mean()
    best = np.argsort(-(X.T @ t) / np.linalg.norm(X, axis=0))[:k]
    training = (indicators[:first] - indicators[:first].mean(axis=0)).T @ (r[:first] - r[:first].mean())
    return np.mean(indicators[first:, best] * np.sign(training[best]), axis=1)
