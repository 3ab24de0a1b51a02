# %% w03-1: malignant taken to be 1
# Section: Grid search and random search
# Hint: The two classes are exchanged: which number stands for malignant?
def alarm_is_right(t, predicted, prevalence):
    sensitivity, specificity = np.mean(predicted[t == 1] == 1), np.mean(predicted[t == 0] == 0)
    right = sensitivity * prevalence
    return right / (right + (1 - specificity) * (1 - prevalence))


# %% w03-1: counted in the study, whatever the prevalence
# Section: Grid search and random search
# Hint: You count how many of the study's alarms were right, and the study had far more ill people than a screening has: where does the prevalence enter?
def alarm_is_right(t, predicted, prevalence):
    return np.mean(t[predicted == 0] == 0)


# %% w03-1: the sensitivity
# Section: Grid search and random search
# Hint: This is the probability of an alarm for somebody who is ill; asked is the probability to be ill for somebody who is alarmed.
def alarm_is_right(t, predicted, prevalence):
    return np.mean(predicted[t == 0] == 0)


# %% w03-2: one length for all networks together
# Section: Three repairs, before and after
# Hint: Networks that are trained together share your length: which axis must the sum of squares leave alone?
def clipped(grads, c):
    norm = np.sqrt(sum(np.sum(g**2) for g in grads))
    return [g * min(1, c / norm) for g in grads]


# %% w03-2: each array clipped by itself
# Section: Three repairs, before and after
# Hint: The gradient of a network is *one* vector made of all its arrays; you clip each array by itself and so change its direction.
def clipped(grads, c):
    norms = [np.sqrt(np.sum(g**2, axis=(1, 2), keepdims=True)) for g in grads]
    return [g * c / np.maximum(norm, c) for g, norm in zip(grads, norms, strict=True)]


# %% w03-2: short gradients made longer
# Section: Three repairs, before and after
# Hint: Clipping never makes a gradient longer; what happens in your function to one that is shorter than the limit?
def clipped(grads, c):
    norm = np.sqrt(sum(np.sum(g**2, axis=(1, 2), keepdims=True) for g in grads))
    return [g * c / norm for g in grads]


# %% w03-2: written for arrays with three axes, and divided by zero
# Section: Three repairs, before and after
# Hint: Try arrays with two or four axes, and a network whose gradient is zero.
def clipped(grads, c):
    with np.errstate(all="ignore"):
        norm = np.sqrt(sum(np.sum(g**2, axis=(1, 2), keepdims=True) for g in grads))
        return [g * np.where(norm > c, c / norm, norm / norm) for g in grads]


# %% w03-3: as the colleague has it
# Section: Three parts
# Hint: This is the colleague's result: look for the line that knows the quarries of the test stones.
def honest_accuracy(X, t, train, test):
    return colleagues_accuracy(X, t, train, test)


# %% w03-3: only channels that are higher in quarry 1
# Section: Three parts
# Hint: Exchange the names of the two quarries: your function then chooses other channels; should it?
def honest_accuracy(X, t, train, test):
    A, a = X[train], t[train]
    contrast = (A[a == 1].mean(axis=0) - A[a == 0].mean(axis=0)) / A.std(axis=0)
    best = np.argsort(contrast)[-10:]
    d0 = np.linalg.norm(X[test][:, best] - A[a == 0][:, best].mean(axis=0), axis=1)
    d1 = np.linalg.norm(X[test][:, best] - A[a == 1][:, best].mean(axis=0), axis=1)
    return np.mean((d1 < d0) == (t[test] == 1))


# %% w03-3: honest channels, and the mean spectra of all stones
# Section: Three parts
# Hint: The channels are chosen honestly now; what else is computed from stones whose quarry should not be known?
def honest_accuracy(X, t, train, test):
    A, a = X[train], t[train]
    contrast = np.abs(A[a == 1].mean(axis=0) - A[a == 0].mean(axis=0)) / A.std(axis=0)
    best = np.argsort(contrast)[-10:]
    d0 = np.linalg.norm(X[test][:, best] - X[t == 0][:, best].mean(axis=0), axis=1)
    d1 = np.linalg.norm(X[test][:, best] - X[t == 1][:, best].mean(axis=0), axis=1)
    return np.mean((d1 < d0) == (t[test] == 1))


# %% w03-4: the slope enters without its square
# Section: Grid search and random search
# Hint: Compare for $\alpha = -1$, where the activation is the modulus: your mean square vanishes there, while the signal does not.
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [sizes[0] * sigma_w**2 * r0 + sigma_b**2]
    for M in sizes[1:-1]:
        q.append(M * sigma_w**2 * (1 + alpha) / 2 * q[-1] + sigma_b**2)
    return np.array(q)


# %% w03-4: the inputs halved too
# Section: Grid search and random search
# Hint: Nothing bends the inputs before the first layer: for which layers does the factor of the activation hold?
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [r0]
    for M in sizes[:-1]:
        q.append(M * sigma_w**2 * (1 + alpha**2) / 2 * q[-1] + sigma_b**2)
    return np.array(q[1:])


# %% w03-4: the biases forgotten after the first layer
# Section: Grid search and random search
# Hint: The first layer is right; what else but the weights adds to the sums of the layers that follow?
def mean_squares(r0, sizes, sigma_w, sigma_b, alpha):
    q = [sizes[0] * sigma_w**2 * r0 + sigma_b**2]
    for M in sizes[1:-1]:
        q.append(M * sigma_w**2 * (1 + alpha**2) / 2 * q[-1])
    return np.array(q)


# %% w03-5: as many dice as the grid has values on one axis
# Section: Grid search and random search
# Hint: The two plans are to try the same number of points; count how many your dice try.
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = (np.indices([k] * d).reshape(d, -1).T + 0.5) / k
    draws = [grid if plan == "grid" else rng.random(size=(k, d)) for _ in optima]
    return np.mean([np.min((p - best) ** 2 @ c) for p, best in zip(draws, optima[:, :d], strict=True)])


# %% w03-5: the importances forgotten
# Section: Grid search and random search
# Hint: Your deficit does not depend on how much each hyperparameter matters.
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = (np.indices([k] * d).reshape(d, -1).T + 0.5) / k
    draws = [grid if plan == "grid" else rng.random(size=(k**d, d)) for _ in optima]
    return np.mean([np.min(np.sum((p - best) ** 2, axis=1)) for p, best in zip(draws, optima[:, :d], strict=True)])


# %% w03-5: a grid from end to end
# Section: Grid search and random search
# Hint: Where does the grid of the text put its values, at the ends of the parts or elsewhere?
def mean_deficit(plan, k, c):
    d, rng = len(c), np.random.default_rng(0)
    grid = np.indices([k] * d).reshape(d, -1).T / (k - 1)
    draws = [grid if plan == "grid" else rng.random(size=(k**d, d)) for _ in optima]
    return np.mean([np.min((p - best) ** 2 @ c) for p, best in zip(draws, optima[:, :d], strict=True)])
