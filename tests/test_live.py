"""The live figures in Chromium: their engine and their numbers beside those of Keras and NumPy, in a small page opened from disk."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier
from sphinx.errors import ExtensionError

from book import live
from physnets.gan import generate, load_generator
from physnets.images import load_mnist
from tests.conftest import CHROMIUM
from tools.train_digits import build_network, moved

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "book" / "_static" / "live"
LECTURES = sorted((ROOT / "notebooks").glob("week*.ipynb"))
CELLS = {name: asked for path in LECTURES for name, asked in live.cells(path).items()}
ALONE = {"predict": CELLS["fig-w1-fits"]["predict"]}  # a question without a live figure
CLOSE = {"rtol": 0, "atol": 1e-5}  # what the Laboratory promises

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium or Chrome browser")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with an empty figure for each live one and for a question alone; the scripts and weights beside it as in the book."""
    folder = shutil.copytree(SCRIPTS, tmp_path_factory.mktemp("live") / "live")
    live.write_weights(folder)
    figures = "".join(f'<figure id="{name}"></figure>{live.element(name, asked)}' for name, asked in {**CELLS, "fig-alone": ALONE}.items())
    scripts = "".join(f'<script src="live/{name}.js"></script>' for name in ("engine", "frame", "figures"))
    path = folder.parent / "page.html"
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8"><title>Live</title>{scripts}{figures}', encoding="utf-8")
    return path


@pytest.fixture
def tab(browser, page):
    context = browser.new_context(offline=True, reduced_motion="reduce")
    tab = context.new_page()
    tab.failed = []
    tab.on("pageerror", lambda error: tab.failed.append(str(error)))
    tab.goto(page.as_uri())
    yield tab
    context.close()
    assert tab.failed == []


def part(tab, name):
    return tab.locator(f"#{name} + .live")


def opened(tab, name):
    part(tab, name).locator(".live-open").click()
    tab.wait_for_function("name => Live.shown[name]", arg=name)
    return part(tab, name)


def shown(tab, name):
    """The numbers of an open figure, once it has drawn what was asked for; arrays as lists."""
    script = """name => new Promise(done => requestAnimationFrame(() => setTimeout(() =>
        done(JSON.stringify(Live.shown[name](), (_, value) => ArrayBuffer.isView(value) ? Array.from(value) : value)))))"""
    return json.loads(tab.evaluate(script, name))


def as_json(array):
    """An array as the engine wants it, in JavaScript."""
    array = np.asarray(array, dtype=float)
    return f"{{shape: {list(array.shape)}, data: Float64Array.from({array.ravel().tolist()})}}"


@needs_chromium
def test_half_precision_is_numpys(tab):
    patterns = np.arange(65536, dtype="<u2")
    wanted = patterns.view("<f2").astype(float)
    text = live.base64.b64encode(patterns.tobytes()).decode()
    found = tab.evaluate(f"Array.from(Engine.decode([65536], '{text}').data, String)")
    np.testing.assert_array_equal(np.array([float(value.replace("Infinity", "inf")) for value in found]), wanted)


@needs_chromium
@pytest.mark.parametrize("side", [7, 8])
def test_every_layer_is_that_of_keras(tab, side):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((side, side, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Conv2DTranspose(5, 5, strides=2, padding="same", activation="sigmoid"),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2D(6, (2, 3), strides=2, padding="same"),
            layers.MaxPooling2D(2),
            layers.Conv2DTranspose(4, 4, padding="same", activation="tanh"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    rng = np.random.default_rng(side)
    model.set_weights([rng.uniform(0.1, 0.9, array.shape) - 0.3 * (array.ndim > 1) for array in model.get_weights()])
    image = rng.normal(size=(side, side, 2)).astype("float32")
    w = [as_json(array) for array in model.get_weights()]
    found = tab.evaluate(f"""(() => {{
        const found = Engine.activations([
            {{kind: "conv", activation: "relu", kernel: {w[0]}, bias: {w[1]}}},
            {{kind: "convTranspose", stride: 2, activation: "sigmoid", kernel: {w[2]}, bias: {w[3]}}},
            {{kind: "batchNorm", activation: "leaky_relu", gamma: {w[4]}, beta: {w[5]}, mean: {w[6]}, variance: {w[7]}}},
            {{kind: "conv", stride: 2, padding: "same", kernel: {w[8]}, bias: {w[9]}}},
            {{kind: "maxPool", size: 2}},
            {{kind: "convTranspose", activation: "tanh", kernel: {w[10]}, bias: {w[11]}}},
            {{kind: "dense", kernel: {w[12]}, bias: {w[13]}}},
        ], {as_json(image)});
        return [...found, Engine.softmax(found.at(-1))].map(({{data}}) => Array.from(data));
    }})()""")
    wanted, a = [], image[np.newaxis]
    for layer in model.layers:
        a = layer(a, training=False) if isinstance(layer, layers.BatchNormalization) else layer(a)
        if not isinstance(layer, layers.BatchNormalization | layers.Flatten):
            wanted.append(np.ravel(a))
    for ours, theirs in zip(found, [*wanted, softmax(wanted[-1].astype(float))], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def descend(layers, X, T, eta, steps):
    """Full-batch gradient descent in NumPy: layers [W, b] with tanh, the last one linear."""
    for _ in range(steps):
        activations = [X]
        for number, (W, b) in enumerate(layers):
            Z = activations[-1] @ W + b
            activations.append(Z if number == len(layers) - 1 else np.tanh(Z))
        delta = 2 * (activations[-1] - T) / T.size
        for number in reversed(range(len(layers))):
            W, b = layers[number]
            below = activations[number]
            upstream = delta @ W.T * (1 - below**2)
            layers[number] = [W - eta * below.T @ delta, b - eta * delta.sum(axis=0)]
            delta = upstream
    return layers


@needs_chromium
def test_gradient_descent_is_that_of_numpy(tab):
    rng = np.random.default_rng(0)
    layers = [[rng.normal(size=(m, k)), rng.normal(size=k)] for m, k in ((2, 8), (8, 8), (8, 1))]
    X, T = rng.normal(size=(50, 2)), rng.normal(size=(50, 1))
    kinds = ["tanh", "tanh", "linear"]
    network = ", ".join(
        f'{{kind: "dense", activation: "{f}", kernel: {as_json(W)}, bias: {as_json(b)}}}' for f, (W, b) in zip(kinds, layers, strict=True)
    )
    found = tab.evaluate(f"""(() => {{
        const layers = [{network}];
        Engine.descend(layers, {as_json(X)}, {as_json(T)}, 0.1, 200);
        return layers.flatMap(({{kernel, bias}}) => [kernel, bias]).map(({{data}}) => Array.from(data));
    }})()""")
    wanted = [array for layer in descend(layers, X, T, 0.1, 200) for array in layer]
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.ravel(), rtol=1e-9, atol=1e-9)


@needs_chromium
def test_the_fit_by_hand_and_by_gradient_descent_is_that_of_numpy(tab):
    r_fit, r_judge = np.linspace(0.95, 3, 200)[:, np.newaxis], np.linspace(0.95, 3, 2000)[1:-1, np.newaxis]

    def lennard_jones(r):
        return 4 * (r**-12 - r**-6)

    def scaled(r):
        return (r - 1.975) / 1.025

    def layers(state):
        place, steepness, height = (np.array([unit[key] for unit in state["units"]]) for key in ("place", "steepness", "height"))
        return [[steepness[np.newaxis], -steepness * scaled(place)], [height[:, np.newaxis], np.array([state["constant"]])]]

    def error(layers):
        (W1, b1), (W2, b2) = layers
        return np.sqrt(np.mean((np.tanh(scaled(r_judge) @ W1 + b1) @ W2 + b2 - lennard_jones(r_judge)) ** 2))

    name = "fig-w1-fits"
    figure = opened(tab, name)
    start = shown(tab, name)
    figure.get_by_label("height").nth(0).fill("-0.5")
    figure.get_by_label("place").nth(2).fill("1.8")
    by_hand = shown(tab, name)
    assert by_hand["units"][0]["height"] == -0.5 and by_hand["units"][2]["place"] == 1.8
    np.testing.assert_allclose(by_hand["error"], error(layers(by_hand)), **CLOSE)
    figure.get_by_role("button", name="Start gradient descent").click()
    tab.wait_for_function(f"Live.shown['{name}']().steps >= 10000", timeout=120_000)
    trained = descend(layers(by_hand), scaled(r_fit), lennard_jones(r_fit), 0.2, 10_000)
    descended = shown(tab, name)
    for ours, theirs in zip(layers(descended), trained, strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, wanted, **CLOSE)
    np.testing.assert_allclose(descended["error"], error(trained), **CLOSE)
    assert f"the error is {descended['error']:.3f} ε" in figure.inner_text()
    # What the answers say of the start that the sliders show.
    assert round(error(descend(layers(start), scaled(r_fit), lennard_jones(r_fit), 0.2, 10_000)), 2) == 0.04


@needs_chromium
def test_the_digits_network_is_that_of_keras(tab):
    arrays = live.weights()["digits_networks"]
    mean, std = arrays["scale"].astype(float)
    name = "fig-w5-grid"
    figure = opened(tab, name)
    network = build_network()
    for which, digit, down, right in [(0, 0, 0, 0), (0, 7, 1, -1), (1, 19, -1, 0), (1, 12, 0, 1)]:
        figure.get_by_label("network", exact=True).select_option(index=which)
        figure.get_by_label("real digit", exact=True).select_option(index=digit)
        figure.get_by_label("move down").fill(str(down))
        figure.get_by_label("move right").fill(str(right))
        found = shown(tab, name)
        image = moved(arrays["images"][digit : digit + 1].astype(float), down, right)
        np.testing.assert_array_equal(found["input"], image.ravel())
        network.set_weights([arrays[f"w{number:02d}"][which].astype("float32") for number in range(6)])
        scaled = ((image - mean) / std)[..., np.newaxis].astype("float32")
        np.testing.assert_allclose(found["maps"]["data"], np.ravel(network.layers[0](scaled)), **CLOSE)
        probabilities = softmax(np.asarray(network(scaled), dtype=float)).ravel()
        np.testing.assert_allclose(found["probabilities"], probabilities, **CLOSE)
        said = f"The network says {probabilities.argmax()}, with the probability {probabilities.max():.3f}."
        assert figure.locator(".live-message").inner_text().startswith(said)


@needs_chromium
def test_a_drawn_digit_is_scanned_as_the_data_were_and_named(tab):
    name = "fig-w5-grid"
    figure = opened(tab, name)
    field = figure.locator(".live-field")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()

    def stroke(points):
        for number, (x, y) in enumerate(points):
            tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if number == 0:
                tab.mouse.down()
        tab.mouse.up()

    angles = np.linspace(0, 2 * np.pi, 30)
    stroke([(0.4 + 0.12 * np.cos(a), 0.4 + 0.2 * np.sin(a)) for a in angles])  # a small zero, off the centre
    found = shown(tab, name)
    image = np.array(found["input"]).reshape(8, 8)
    assert image.max() >= 14 and image[3:5, 3:5].max() <= 2  # ink around, none in the middle
    assert image[0].any() and image[-1].any()  # it fills the height
    np.testing.assert_allclose(image, image[:, ::-1], atol=3)  # and is centred
    assert np.argmax(found["probabilities"]) == 0
    assert figure.get_by_label("real digit", exact=True).locator("option:checked").inner_text() == "my drawing"
    figure.get_by_role("button", name="Clear the field").click()
    np.testing.assert_array_equal(shown(tab, name)["input"], live.weights()["digits_networks"]["images"][6].ravel())


@needs_chromium
def test_the_walk_in_latent_space_is_that_of_keras(tab):
    latent = live.weights()["gan_generator"]["latent"].astype(np.float16).astype(float)
    generator = load_generator()
    name = "fig-w12-paths"
    figure = opened(tab, name)
    figure.get_by_label("from").select_option("3")
    figure.get_by_label("to").select_option("8")
    for t in (0.5, 0.2):
        figure.get_by_label("position t").fill(str(t))
        found = shown(tab, name)
        z1, z2 = latent[3], latent[8]
        omega = np.arccos(z1 @ z2 / np.linalg.norm(z1) / np.linalg.norm(z2))
        wanted = {
            "start": z1,
            "end": z2,
            "straight": (1 - t) * z1 + t * z2,
            "spherical": (np.sin((1 - t) * omega) * z1 + np.sin(t * omega) * z2) / np.sin(omega),
        }
        for key, z in wanted.items():
            np.testing.assert_allclose(found[key]["z"], z, rtol=0, atol=1e-12)
            np.testing.assert_allclose(found[key]["image"], generate(generator, z[np.newaxis]).ravel(), **CLOSE)
        assert f"norm {np.linalg.norm(wanted['straight']):.2f}" in figure.inner_text()
    figure.get_by_label("to").select_option("3")  # from a vector to itself there is no arc
    found = shown(tab, name)
    np.testing.assert_array_equal(found["spherical"]["z"], latent[3])


@needs_chromium
def test_halfway_the_picture_is_as_the_answers_say(tab):
    opened(tab, "fig-w12-paths")
    found = {key: np.array(view["image"]) for key, view in shown(tab, "fig-w12-paths").items()}
    both = (found["start"] + found["end"]) / 2
    assert found["straight"].mean() < found["spherical"].mean()
    assert np.abs(found["straight"] - found["spherical"]).mean() < np.abs(found["straight"] - both).mean() / 2


@needs_chromium
@pytest.mark.parametrize("name", [*CELLS, "fig-alone"])
def test_an_answer_brings_its_reason_opens_the_figure_and_is_remembered(tab, name):
    asked = {**CELLS, "fig-alone": ALONE}[name]
    for answer in asked["predict"]["answers"]:
        button = part(tab, name).get_by_role("button", name=answer["text"], exact=True)
        button.focus()
        tab.keyboard.press("Enter")
        verdict = "Right. " if answer.get("right") else "Not so. "
        assert part(tab, name).get_by_role("status").first.inner_text() == verdict + answer["reason"]
        assert part(tab, name).locator(".live-answer[aria-pressed=true]").all_inner_texts() == [answer["text"]]
        if "live" in asked:
            tab.wait_for_function("name => Live.shown[name]", arg=name)
        assert part(tab, name).locator(".live-panel").is_visible() == ("live" in asked)
    tab.reload()
    assert part(tab, name).locator(".live-answer[aria-pressed=true]").all_inner_texts() == [answer["text"]]
    assert not part(tab, name).locator(".live-panel").is_visible()  # nothing opens by itself


@needs_chromium
def test_nothing_is_loaded_before_a_click_and_a_second_click_closes(tab):
    loaded = []
    tab.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    tab.reload()
    assert loaded == ["page.html", "engine.js", "frame.js", "figures.js"]
    figure = opened(tab, "fig-w5-grid")
    assert loaded[4:] == ["digits_networks.js"]
    button = figure.locator(".live-open")
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert button.get_attribute("aria-expanded") == "false" and not figure.locator(".live-panel").is_visible()


@needs_chromium
@pytest.mark.parametrize("name", [name for name, asked in CELLS.items() if "live" in asked])
def test_a_figure_is_drawn_within_a_second_of_the_click(tab, name):
    """By the page's own clock; the best of five, because a busy machine only ever makes it slower."""
    script = """name => new Promise(done => {
        const start = performance.now();
        const look = () => Live.shown[name] ? done(performance.now() - start) : setTimeout(look, 1);
        document.querySelector(`#${name} + .live .live-open`).click();
        look();
    })"""
    waited = []
    for _ in range(5):
        tab.reload()
        waited.append(tab.evaluate(script, name))
    assert min(waited) < 1000


@needs_chromium
def test_weights_that_cannot_be_loaded_are_named_and_asked_for_again(tab, page):
    weights = page.parent / "live" / "digits_networks.js"
    hidden = weights.rename(weights.with_suffix(".hidden"))
    part(tab, "fig-w5-grid").locator(".live-open").click()
    part(tab, "fig-w5-grid").get_by_text("could not be loaded").wait_for()
    hidden.rename(weights)
    part(tab, "fig-w5-grid").locator(".live-open").click()
    opened(tab, "fig-w5-grid")
    assert part(tab, "fig-w5-grid").get_by_text("could not be loaded").count() == 0


def test_every_live_figure_is_there_and_every_one_there_is_asked_for():
    registered = re.findall(r'Live\.figures\["(\S+)"\] =', (SCRIPTS / "figures.js").read_text(encoding="utf-8"))
    assert sorted(registered) == sorted(name for name, asked in CELLS.items() if "live" in asked)
    assert len(registered) >= 3


def test_the_latent_vectors_can_be_read_as_the_ten_digits():
    images, labels = load_mnist()
    latent = live.weights()["gan_generator"]["latent"]
    reader = KNeighborsClassifier(5).fit(images.reshape(-1, 784) / 255, labels)
    assert reader.predict(generate(load_generator(), latent).reshape(-1, 784)).tolist() == list(range(10))


ANSWERS = [{"text": "yes", "reason": "it is", "right": True}, {"text": "no", "reason": "it is not"}]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"live": "Try"}, "cell 0 of week01.ipynb has the metadata live, but no figure with a name"),
        ({"predict": {"question": "Why?", "answers": ANSWERS}}, "the metadata predict, but no figure"),
        ({"predict": {"answers": ANSWERS}, "mystnb": {}}, "fig-w1-x lacks a text"),
        ({"predict": {"question": "Why?", "answers": [*ANSWERS, {"text": "perhaps"}]}, "mystnb": {}}, "lacks a text or a reason"),
        ({"predict": {"question": "Why?", "answers": ANSWERS[:1]}, "mystnb": {}}, "has 1 answers, 1 of them right"),
        ({"predict": {"question": "Why?", "answers": ANSWERS[1:] * 3}, "mystnb": {}}, "has 3 answers, 0 of them right"),
        ({"predict": {"question": "Why?", "answers": ANSWERS + ANSWERS[1:] * 3}, "mystnb": {}}, "has 5 answers, 1 of them right"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path, metadata, message):
    if "mystnb" in metadata:
        metadata = metadata | {"mystnb": {"figure": {"name": "fig-w1-x"}}}
    path = tmp_path / "week01.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", metadata=metadata)]), path)
    with pytest.raises(ExtensionError, match=message):
        live.cells(path)
