# %% w02-1: target minus output
# Section: What should be small?
# Hint: The cost is right; move one $z$ by a small amount and see in which direction the cost really goes.
def poisson_cost(Z, T):
    Y = np.exp(Z)
    return np.mean(np.sum(Y - T * Z, axis=1)), (T - Y) / len(Z)


# %% w02-1: the mean over the tubes as well, right for one tube
# Section: What should be small?
# Hint: With one tube all is right, with several your numbers are too small: over what is the mean to be taken, and over what the sum?
def poisson_cost(Z, T):
    Y = np.exp(Z)
    return np.mean(Y - T * Z), (Y - T) / Z.size


# %% w02-1: the logarithm of an output that has underflowed
# Section: What should be small?
# Hint: In the dark the output is rounded to zero before its logarithm is taken: is the logarithm of the output not known already?
def poisson_cost(Z, T):
    Y = np.exp(Z)
    with np.errstate(all="ignore"):
        return np.mean(np.sum(Y - T * np.log(Y), axis=1)), (Y - T) / len(Z)


# %% w02-2: the gradient instead of the force
# Section: Any depth, any output
# Hint: The size is right: read once more how the force follows from the derivative of the energy.
def forces(x, layers, mean, spread):
    activations = [(x - mean) / spread]
    for W, b in layers[:-1]:
        activations.append(sigmoid(activations[-1] @ W + b))
    back = np.ones((len(x), 1)) @ layers[-1][0].T
    for (W, _), A in zip(layers[-2::-1], activations[:0:-1], strict=True):
        back = (back * A * (1 - A)) @ W.T
    return back / spread


# %% w02-2: multiplied by the spread
# Section: Any depth, any output
# Hint: The chain rule has one more link, from the coordinates to what the first layer receives: by what does it multiply the derivative?
def forces(x, layers, mean, spread):
    activations = [(x - mean) / spread]
    for W, b in layers[:-1]:
        activations.append(sigmoid(activations[-1] @ W + b))
    back = np.ones((len(x), 1)) @ layers[-1][0].T
    for (W, _), A in zip(layers[-2::-1], activations[:0:-1], strict=True):
        back = (back * A * (1 - A)) @ W.T
    return -back * spread


# %% w02-2: written for one hidden layer
# Section: Any depth, any output
# Hint: Two layers are treated rightly, but the list may have any length: what is carried back through the layers in between?
def forces(x, layers, mean, spread):
    (W1, b1), (W2, _) = layers[0], layers[-1]
    A = sigmoid((x - mean) / spread @ W1 + b1)
    return -((W2.T * A * (1 - A)) @ W1.T) / spread


# %% w02-3: as the colleague has it
# Section: Is it right?
# Hint: These are the colleague's gradients as they were: compare each of the four arrays with finite differences, with and without penalty.
def gradients(W1, b1, W2, b2, X, T, lmbd):
    return colleagues_gradients(W1, b1, W2, b2, X, T, lmbd)


# %% w02-3: the first index is summed
# Section: Four equations
# Hint: Layers of equal size hide it; with others it shows: which index of the second matrix counts the outputs, and over which one do you sum?
def gradients(W1, b1, W2, b2, X, T, lmbd):
    A = sigmoid(X @ W1 + b1)
    delta2 = (sigmoid(A @ W2 + b2) - T) / len(X)
    delta1 = (delta2 @ W2) * A * (1 - A)
    return [X.T @ delta1 + lmbd * W1, delta1.sum(axis=0), A.T @ delta2 + lmbd * W2, delta2.sum(axis=0)]


# %% w02-3: the penalty acts on the biases too
# Section: Downhill
# Hint: Look at which parameters stand in the penalty of the cost, and which do not.
def gradients(W1, b1, W2, b2, X, T, lmbd):
    A = sigmoid(X @ W1 + b1)
    delta2 = (sigmoid(A @ W2 + b2) - T) / len(X)
    delta1 = (delta2 @ W2.T) * A * (1 - A)
    return [
        X.T @ delta1 + lmbd * W1,
        delta1.sum(axis=0) + lmbd * b1,
        A.T @ delta2 + lmbd * W2,
        delta2.sum(axis=0) + lmbd * b2,
    ]


# %% w02-4: the variance in place of the standard deviation
# Section: A network that does not learn
# Hint: What spreads the sums is right but enters with a wrong power: what unit does a standard deviation have beside a variance?
def saturated_share(X, sigma_w):
    edge = 2 * np.arctanh(np.sqrt(0.96))
    return np.mean(2 * norm.cdf(-edge / (sigma_w**2 * np.sum(X**2, axis=1))))


# %% w02-4: one spread for all images
# Section: A network that does not learn
# Hint: The share follows from the spread of the sums *for one image*; yours takes one spread for all of them.
def saturated_share(X, sigma_w):
    edge = 2 * np.arctanh(np.sqrt(0.96))
    spread = sigma_w * np.sqrt(np.mean(np.sum(X**2, axis=1)))
    return 2 * norm.cdf(-edge / spread)


# %% w02-4: one tail of the distribution
# Section: A network that does not learn
# Hint: A unit can say *no* as firmly as *yes*: which of the saturated units does your share leave out?
def saturated_share(X, sigma_w):
    edge = 2 * np.arctanh(np.sqrt(0.96))
    return np.mean(norm.cdf(-edge / (sigma_w * np.sqrt(np.sum(X**2, axis=1)))))


# %% w02-5: every batch drawn afresh, images put back
# Section: Downhill
# Hint: An epoch shuffles and cuts, so that no image comes twice; where does your procedure differ, and what does that do when the batch comes near all images?
def noise(W, B):
    rng, g = np.random.default_rng(0), mean_gradient(W, slice(None))
    squares = []
    for _ in range(20 * (1000 // B)):
        rows = rng.integers(0, 1000, size=B)
        squares.append(np.sum((mean_gradient(W, rows) - g) ** 2))
    return np.sqrt(np.mean(squares))


# %% w02-5: measured at the start only
# Section: Downhill
# Hint: Your function returns the same for all weights that it is given: at which weights are the gradients taken?
def noise(W, B):
    rng, g = np.random.default_rng(0), mean_gradient(W_start, slice(None))
    squares = []
    for _ in range(20):
        order = rng.permutation(1000)
        for start in range(0, 1000 - B + 1, B):
            squares.append(np.sum((mean_gradient(W_start, order[start : start + B]) - g) ** 2))
    return np.sqrt(np.mean(squares))


# %% w02-5: the mean square of an entry
# Section: Downhill
# Hint: Your number is too small by the same factor for all batches: is the noise asked for that of one entry, or that of the whole gradient?
def noise(W, B):
    rng, g = np.random.default_rng(0), mean_gradient(W, slice(None))
    order = rng.permutation(1000)
    return np.sqrt(np.mean([np.mean((mean_gradient(W, order[i : i + B]) - g) ** 2) for i in range(0, 1001 - B, B)]))
