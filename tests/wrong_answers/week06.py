# %% w06-1: as many channels out as in
# Section: The network, on paper first
# Hint: The number of channels may change from the first step to the last: in which of the two steps does it?
def separable(i, c, c_out, k):
    return (k * k + 1) * c + (c + 1) * c, i * i * (k * k * c + c * c)


# %% w06-1: the first step has no biases
# Section: The network, on paper first
# Hint: The second step is right, and the multiplications are; count again what the first step adds.
def separable(i, c, c_out, k):
    return k * k * c + (c + 1) * c_out, i * i * (k * k * c + c * c_out)


# %% w06-1: an ordinary convolution
# Section: The network, on paper first
# Hint: This is what *one* ordinary convolution costs; a separable one takes two steps, and each is cheaper.
def separable(i, c, c_out, k):
    return (k * k * c + 1) * c_out, i * i * k * k * c * c_out


# %% w06-2: the exponentials overflow
# Section: Why there is no softmax
# Hint: Try logits of a thousand.
def gradient_twice(z, t):
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    slope = (softmax(p, axis=1) - np.eye(z.shape[1])[t]) / len(z)
    return p * (slope - np.sum(slope * p, axis=1, keepdims=True))


# %% w06-2: only the outer softmax is differentiated
# Section: Why there is no softmax
# Hint: The chain rule has two links here; you have differentiated the outer one.
def gradient_twice(z, t):
    return (softmax(softmax(z, axis=1), axis=1) - np.eye(z.shape[1])[t]) / len(z)


# %% w06-2: the sum over the samples instead of the mean
# Section: Why there is no softmax
# Hint: The shape of your gradient is right, its size grows with the number of samples.
def gradient_twice(z, t):
    p = softmax(z, axis=1)
    slope = softmax(p, axis=1) - np.eye(z.shape[1])[t]
    return p * (slope - np.sum(slope * p, axis=1, keepdims=True))


# %% w06-2: the inner softmax as if its outputs were independent
# Section: Why there is no softmax
# Hint: If one logit rises, *all* probabilities change, since they add up to 1; yours change one at a time.
def gradient_twice(z, t):
    p = softmax(z, axis=1)
    return (softmax(p, axis=1) - np.eye(z.shape[1])[t]) / len(z) * p * (1 - p)


# %% w06-3: rows and columns put right, the sky ignored
# Section: What is taken for what
# Hint: Your catalogue is that of the test set, where the classes are equally frequent; in the sky they are not.
def completeness_and_purity(confusion, sky):
    right = np.diag(confusion)
    return np.array([right / confusion.sum(axis=1), right / confusion.sum(axis=0)])


# %% w06-3: the test set is taken to hold as many of each class
# Section: What is taken for what
# Hint: Try a test set with more members of one class than of another: counts have to become fractions before the sky weights them.
def completeness_and_purity(confusion, sky):
    in_sky = sky[:, np.newaxis] * confusion
    with np.errstate(invalid="ignore"):
        return np.array([np.diag(confusion) / confusion.sum(axis=1), np.diag(in_sky) / in_sky.sum(axis=0)])


# %% w06-3: the purity of what is never called is 0
# Section: What is taken for what
# Hint: Nothing is called so: what is the purity of an empty catalogue?
def completeness_and_purity(confusion, sky):
    called = confusion / confusion.sum(axis=1, keepdims=True)
    in_sky = sky[:, np.newaxis] * called
    return np.array([np.diag(called), np.diag(in_sky) / np.maximum(in_sky.sum(axis=0), 1e-12)])


# %% w06-4: the convolution's own bias is forgotten
# Section: Ingredient two: batch normalisation of images
# Hint: What the convolution adds by itself is normalised as well; where has it gone?
def folded(kernel, bias, gamma, beta, mean, variance, eps=1e-3):
    factor = gamma / np.sqrt(variance + eps)
    return kernel * factor, beta - mean * factor


# %% w06-4: epsilon outside the root
# Section: Ingredient two: batch normalisation of images
# Hint: Look where $\epsilon$ stands in the formula: what is added to it, and before or after the root?
def folded(kernel, bias, gamma, beta, mean, variance, eps=1e-3):
    factor = gamma / (np.sqrt(variance) + eps)
    return kernel * factor, beta + (bias - mean) * factor


# %% w06-4: epsilon always 0.001
# Section: Ingredient two: batch normalisation of images
# Hint: The $\epsilon$ that your function is given is not used.
def folded(kernel, bias, gamma, beta, mean, variance, eps=1e-3):
    factor = gamma / np.sqrt(variance + 1e-3)
    return kernel * factor, beta + (bias - mean) * factor


# %% w06-5: both ends along the first axis
# Section: What each ingredient buys
# Hint: One interval is right; for many comparisons at once the two ends lie along another axis.
def interval(a, b):
    g = b - a
    half = student_t.ppf(0.975, g.shape[-1] - 1) * g.std(axis=-1, ddof=1) / np.sqrt(g.shape[-1])
    return np.array([g.mean(axis=-1) - half, g.mean(axis=-1) + half])


def found(gain, R, seed):
    return np.mean(interval(*comparisons(gain, R, seed))[0] > 0)


# %% w06-5: 1.96 however few the seeds
# Section: What each ingredient buys
# Hint: With few seeds the spread itself is uncertain: which factor takes the place of 1.96?
def interval(a, b):
    g = b - a
    half = 1.96 * g.std(axis=-1, ddof=1) / np.sqrt(g.shape[-1])
    return np.stack([g.mean(axis=-1) - half, g.mean(axis=-1) + half], axis=-1)


def found(gain, R, seed):
    return np.mean(interval(*comparisons(gain, R, seed))[:, 0] > 0)


# %% w06-5: the two sets of runs treated as unrelated
# Section: What each ingredient buys
# Hint: Both runs of a seed share what the seed does to them; treated as strangers their difference looks more uncertain than it is.
def interval(a, b):
    R, gain = a.shape[-1], b.mean(axis=-1) - a.mean(axis=-1)
    half = student_t.ppf(0.975, R - 1) * np.sqrt((a.var(axis=-1, ddof=1) + b.var(axis=-1, ddof=1)) / R)
    return np.stack([gain - half, gain + half], axis=-1)


def found(gain, R, seed):
    return np.mean(interval(*comparisons(gain, R, seed))[:, 0] > 0)
