# %% w05-1: the strides are forgotten
# Section: Volumes and layers
# Hint: A step of one in a layer behind a stride is more than one pixel of the image.
def receptive_field(chain):
    return 1 + sum(k - 1 for k, s in chain)


# %% w05-1: a layer's own stride counted before its window
# Section: Volumes and layers
# Hint: A layer's own stride says how far apart its *outputs* lie; what counts for its window is how far apart its inputs lie.
def receptive_field(chain):
    seen, apart = 1, 1
    for k, s in chain:
        apart *= s
        seen += (k - 1) * apart
    return seen


# %% w05-1: only the last stride counts
# Section: Volumes and layers
# Hint: Two strides one after the other act together; yours forgets all but the last one.
def receptive_field(chain):
    seen, before = 1, 1
    for k, s in chain:
        seen, before = seen + (k - 1) * before, s
    return seen


# %% w05-2: the kernel is not turned
# Section: Backwards
# Hint: Pixel $x + u$ sends its share to $x$ with the weight $u$; seen from the pixel, in which order do the weights stand?
def input_gradient(delta, kernel):
    k = len(kernel)
    wide = np.pad(delta, ((0, 0), (k - 1, k - 1), (k - 1, k - 1), (0, 0)))
    return conv(wide, kernel.swapaxes(2, 3), 0)


# %% w05-2: the padding of a kernel of three
# Section: Backwards
# Hint: The frame of zeros that you add fits one size of kernel only.
def input_gradient(delta, kernel):
    wide = np.pad(delta, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return conv(wide, kernel[::-1, ::-1].swapaxes(2, 3), 0)


# %% w05-2: the kernel is transposed instead of turned
# Section: Backwards
# Hint: Try a kernel with a single 1 in the upper right corner, and follow where a pixel's share goes; a kernel that is its own mirror image hides what is wrong.
def input_gradient(delta, kernel):
    k = len(kernel)
    wide = np.pad(delta, ((0, 0), (k - 1, k - 1), (k - 1, k - 1), (0, 0)))
    return conv(wide, kernel.transpose(1, 0, 3, 2), 0)


# %% w05-3: split after copying, as the colleague does
# Section: The digits: baselines first
# Hint: This is the colleague's judgement as it was: look for each test image's nearest relative.
def honest_accuracy(images, t, test, factors):
    copies, t_copies = np.concatenate([factor * images for factor in factors]), np.tile(t, len(factors))
    test = np.random.default_rng(0).random(len(copies)) < np.mean(test)
    neighbour = KNeighborsClassifier(1).fit(flat(copies[~test]), t_copies[~test])
    return neighbour.score(flat(copies[test]), t_copies[test])


# %% w05-3: the test images are copied as well
# Section: The digits: baselines first
# Hint: The images are divided before they are copied, which is right; but which of the two parts is to grow by copies?
def honest_accuracy(images, t, test, factors):
    seen, asked = (np.concatenate([factor * images[part] for factor in factors]) for part in (~test, test))
    neighbour = KNeighborsClassifier(1).fit(flat(seen), np.tile(t[~test], len(factors)))
    return neighbour.score(flat(asked), np.tile(t[test], len(factors)))


# %% w05-3: the labels repeated in the wrong order
# Section: The digits: baselines first
# Hint: The copies and their labels stand in different orders: which image belongs to which label?
def honest_accuracy(images, t, test, factors):
    copies = np.concatenate([factor * images[~test] for factor in factors])
    neighbour = KNeighborsClassifier(1).fit(flat(copies), np.repeat(t[~test], len(factors)))
    return neighbour.score(flat(images[test]), t[test])


# %% w05-4: the least pixel is taken to be 0
# Section: What the filters see
# Hint: Your favourite picture assumes that the darkest pixel is zero; try other limits.
def response_range(kernel, bias, low, high):
    positive, negative = np.maximum(kernel, 0).sum(axis=(0, 1, 2)), np.minimum(kernel, 0).sum(axis=(0, 1, 2))
    return np.array([high * negative, high * positive]) + bias


dead = [j for j in range(8) if response_range(some_kernel, some_bias, 0, 1)[1, j] <= 0]


# %% w05-4: all pixels equal
# Section: What the filters see
# Hint: The picture that a filter likes best is not of one colour: which pixels should be high, and which low?
def response_range(kernel, bias, low, high):
    z = np.array([low, high])[:, np.newaxis] * kernel.sum(axis=(0, 1, 2)) + bias
    return np.sort(z, axis=0)


dead = [j for j in range(8) if response_range(some_kernel, some_bias, 0, 1)[1, j] <= 0]


# %% w05-4: filters that are never silent instead of dead ones
# Section: What the filters see
# Hint: Your range is right: which end of it tells that nothing of a filter ever passes the ReLU?
def response_range(kernel, bias, low, high):
    positive, negative = np.maximum(kernel, 0).sum(axis=(0, 1, 2)), np.minimum(kernel, 0).sum(axis=(0, 1, 2))
    return np.array([high * negative + low * positive, high * positive + low * negative]) + bias


dead = [j for j in range(8) if response_range(some_kernel, some_bias, 0, 1)[0, j] > 0]


# %% w05-5: the mean of each square instead of its maximum
# Section: How far may a digit move?
# Hint: Pooling of another kind than the one asked for makes other maps.
def accuracy_moved(k, d):
    def features(images):
        maps = np.maximum(conv(images, edge_filters, 0), 0)
        return flat(maps.reshape(-1, 18 // k, k, 18 // k, k, 8).mean(axis=(2, 4)))

    neighbour = KNeighborsClassifier(1).fit(features(plates[:500]), labels[:500])
    return neighbour.score(features(np.roll(plates[500:], d, axis=2)), labels[500:])


# %% w05-5: the known digits are moved as well
# Section: How far may a digit move?
# Hint: You move the digits that the neighbour knows and those that it has to name: does the question move both?
def accuracy_moved(k, d):
    features = flat(pool(np.maximum(conv(np.roll(plates, d, axis=2), edge_filters, 0), 0), k))
    return KNeighborsClassifier(1).fit(features[:500], labels[:500]).score(features[500:], labels[500:])


# %% w05-5: moved down instead of right
# Section: How far may a digit move?
# Hint: Which axis of the array is the horizontal one?
def accuracy_moved(k, d):
    def features(images):
        return flat(pool(np.maximum(conv(images, edge_filters, 0), 0), k))

    neighbour = KNeighborsClassifier(1).fit(features(plates[:500]), labels[:500])
    return neighbour.score(features(np.roll(plates[500:], d, axis=1)), labels[500:])


# %% w05-5: judged on the digits it knows
# Section: How far may a digit move?
# Hint: Every digit finds itself among those that the neighbour knows: which digits are to be named?
def accuracy_moved(k, d):
    def features(images):
        return flat(pool(np.maximum(conv(images, edge_filters, 0), 0), k))

    neighbour = KNeighborsClassifier(1).fit(features(plates[:500]), labels[:500])
    return neighbour.score(features(np.roll(plates[:500], d, axis=2)), labels[:500])
