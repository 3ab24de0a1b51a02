// The live figures, by the name of the figure under which each stands; book/live.py says how one is added.
"use strict";

(() => {
  const { array, activations, softmax, descend } = Engine;
  const { make, pixels } = Live;
  const zip = (keys, values) => Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.append(...children);
    return element;
  };

  // ---- Week 1: the Lennard-Jones curve by three hidden units, by hand and by gradient descent

  const NEAREST = 0.95; // distances in units of sigma_0, as in the lecture
  const FARTHEST = 3;
  const ETA = 0.2; // largest learning rate at which gradient descent has diverged from none of 80 random settings of the sliders
  const STEPS = 10000;
  const COLOURS = ["#de8f05", "#029e73", "#d55e00"]; // units 1 to 3, as physnets.plots.set_style has them

  const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f"); // 10 000
  const line = (n) => Float64Array.from({ length: n }, (_, i) => NEAREST + ((FARTHEST - NEAREST) * i) / (n - 1));
  const lennardJones = (r) => 4 * (r ** -12 - r ** -6);
  const scaled = (r) => (r - 1.975) / 1.025;

  const curvePlot = (label) => {
    const [left, top, height, lowest, highest] = [44, 8, 260, -2, 3];
    const picture = svg("svg", { role: "img", class: "live-plot", "aria-label": label });
    let width = 0; // in pixels of the screen, so that the letters keep their size; measured only when it may have changed, since that takes long
    const measure = () => (width = picture.clientWidth);
    const draw = (curves) => {
      const x = (r) => left + ((r - NEAREST) / (FARTHEST - NEAREST)) * (width - left - 10);
      const y = (V) => top + ((highest - V) / (highest - lowest)) * (height - top);
      picture.setAttribute("viewBox", `0 0 ${width} ${height + 42}`);
      const ticks = [1, 1.5, 2, 2.5, 3].map((r) => svg("text", { x: x(r), y: height + 18, "text-anchor": "middle" }, r.toFixed(1)));
      const levels = [-2, -1, 0, 1, 2, 3].flatMap((V) => [
        svg("line", { x1: left, x2: width - 10, y1: y(V), y2: y(V), stroke: "#ccc" }),
        svg("text", { x: left - 6, y: y(V) + 4, "text-anchor": "end" }, String(V).replace("-", "−")),
      ]);
      const paths = curves.map(({ r, V, ...look }) => {
        // What lies far beyond the frame is not drawn: a path to a point ten thousand pixels away is slow.
        const points = Array.from(r, (_, i) => `${x(r[i]).toFixed(1)},${Math.min(Math.max(y(V[i]), -50), height + 50).toFixed(1)}`);
        return svg("path", { d: `M${points.join("L")}`, fill: "none", "clip-path": `url(#${clip.id})`, ...look });
      });
      frame.setAttribute("width", width - left - 10);
      const names = [
        svg("text", { x: (left + width) / 2, y: height + 38, "text-anchor": "middle" }, "distance r/σ₀"),
        svg("text", { transform: `translate(13 ${height / 2}) rotate(-90)`, "text-anchor": "middle" }, "energy V/ε"),
      ];
      picture.replaceChildren(svg("defs", {}, clip), ...levels, ...ticks, ...names, ...paths);
    };
    const frame = svg("rect", { x: left, y: top, height: height - top });
    const clip = svg("clipPath", { id: "live-plot-frame" }, frame);
    return { picture, measure, draw };
  };

  Live.figures["fig-w1-fits"] = {
    open(panel) {
      const inputs = (r) => array([r.length, 1], r.map(scaled));
      const [fit, judge, drawn] = [line(200), line(2000).slice(1, -1), line(300)];
      const [given, wanted] = [inputs(fit), array([fit.length, 1], fit.map(lennardJones))];
      const start = () => ({ units: [1.05, 1.4, 2].map((place) => ({ place, steepness: 5, height: 0.5 })), constant: 0 });
      let { units, constant } = start();

      // Equation (9): y = sum of v tanh(w (x - c)) + v_0.
      const network = () => [
        {
          kind: "dense",
          activation: "tanh",
          kernel: array([1, 3], Float64Array.from(units, (unit) => unit.steepness)),
          bias: array([3], Float64Array.from(units, (unit) => -unit.steepness * scaled(unit.place))),
        },
        { kind: "dense", kernel: array([3, 1], Float64Array.from(units, (unit) => unit.height)), bias: array([1], Float64Array.of(constant)) },
      ];
      const energies = (layers, r) => activations(layers, inputs(r)).at(-1).data;
      const error = () => {
        const V = energies(network(), judge);
        return Math.sqrt(judge.reduce((sum, r, i) => sum + (V[i] - lennardJones(r)) ** 2, 0) / judge.length);
      };

      const { picture, measure, draw } = curvePlot("Energy against distance: the Lennard-Jones curve, the network of three hidden units, and each unit's part.");
      const result = make("p", { className: "live-result" });
      const message = make("p", { className: "live-message" });
      message.setAttribute("role", "status");
      const show = () => {
        const parts = units.map((unit, k) => ({
          r: drawn,
          V: drawn.map((r) => unit.height * Math.tanh(unit.steepness * (scaled(r) - scaled(unit.place)))),
          stroke: COLOURS[k],
          "stroke-width": 1.5,
          "stroke-dasharray": "6 4",
        }));
        const curve = { r: drawn, V: drawn.map(lennardJones), stroke: "#bbb", "stroke-width": 7 };
        draw([curve, ...parts, { r: drawn, V: energies(network(), drawn), stroke: "#0173b2", "stroke-width": 2.5 }]);
        result.textContent = `Error of the network (root mean square): ${error().toFixed(3)} ε`;
      };
      const changed = Live.atNextFrame(show);

      const sliders = units.map((_, k) => {
        const control = (key, name, range) => Live.slider(name, range, (value) => (pause(), (units[k][key] = value), changed()));
        return {
          place: control("place", "place", { min: NEAREST, max: FARTHEST, step: 0.01, digits: 2, unit: "σ₀" }),
          steepness: control("steepness", "steepness", { min: -15, max: 15, step: 0.1, digits: 1, unit: "" }),
          height: control("height", "height", { min: -5, max: 5, step: 0.05, digits: 2, unit: "ε" }),
        };
      });
      const level = Live.slider("constant", { min: -5, max: 5, step: 0.05, digits: 2, unit: "ε" }, (v) => (pause(), (constant = v), changed()));
      const setSliders = () => {
        units.forEach((unit, k) => Object.entries(sliders[k]).forEach(([key, slider]) => slider.set(unit[key])));
        level.set(constant);
      };

      // Gradient descent on the mean squared error at the 200 distances for fitting, for about 30 ms of each frame.
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      let [steps, running] = [0, false];
      const run = make("button", { type: "button" });
      const pause = (text = "") => {
        running = false;
        message.textContent = text;
        run.textContent = steps && steps < STEPS ? "Go on with gradient descent" : "Start gradient descent";
      };
      const advance = () => {
        if (!running) return;
        const layers = network();
        const until = performance.now() + 30;
        do descend(layers, given, wanted, ETA, 50);
        while ((steps += 50) < STEPS && performance.now() < until);
        const [hidden, output] = layers;
        units.forEach((unit, k) => {
          unit.steepness = hidden.kernel.data[k];
          unit.place = 1.975 - (1.025 * hidden.bias.data[k]) / unit.steepness;
          unit.height = output.kernel.data[k];
        });
        constant = output.bias.data[0];
        if (!calm || steps >= STEPS) {
          setSliders();
          show();
          result.textContent += ` after ${count(steps)} steps`;
        }
        if (steps < STEPS) return requestAnimationFrame(advance);
        pause(`After ${count(steps)} steps of gradient descent the error is ${error().toFixed(3)} ε.`);
      };
      run.onclick = () => {
        if (running) return pause(`Paused after ${count(steps)} steps.`);
        if (steps >= STEPS) steps = 0;
        running = true;
        run.textContent = "Pause";
        message.textContent = calm ? "Running; the curve is drawn when it is done." : "";
        requestAnimationFrame(advance);
      };
      const again = make("button", {
        type: "button",
        textContent: "Back to the start",
        onclick: () => {
          ({ units, constant } = start());
          steps = 0;
          pause();
          setSliders();
          show();
        },
      });

      const key = make("p", { className: "live-key" });
      [["#bbb", "Lennard-Jones"], ["#0173b2", "network"], ...COLOURS.map((colour, k) => [colour, `unit ${k + 1}`])].forEach(([colour, text]) => {
        const mark = make("span", { className: "live-mark" });
        mark.style.background = colour;
        key.append(make("span", {}, mark, text));
      });
      panel.append(
        make("p", {
          textContent:
            "Each hidden unit draws one step of the curve (dashed): where it lies, how steep it is, how high. The network adds the three and a constant.",
        }),
        make("div", { className: "live-paper" }, picture, key),
        result,
        make("div", { className: "live-buttons" }, run, again),
        message,
        make(
          "div",
          { className: "live-columns" },
          ...sliders.map((unit, k) =>
            make("fieldset", {}, make("legend", { textContent: `Unit ${k + 1}` }), ...Object.values(unit).map(({ element }) => element)),
          ),
          make("fieldset", {}, make("legend", { textContent: "Output" }), level.element),
        ),
      );
      const redraw = () => {
        if (measure()) show(); // a closed panel has no width
      };
      new ResizeObserver(redraw).observe(panel);
      setSliders();
      pause();
      redraw();
      return () => ({ units, constant, steps, error: error() });
    },
  };

  // ---- Week 5: the convolutional network for the small digits

  const SIDE = 8;
  const FINE = 32; // dots along one side of the bitmaps of which the digits' pixels count 4 x 4
  const PEN = 2.2; // half the width of the stroke in dots; the mean drawing is then as dark as the mean of the data

  // Strokes, lists of [x, y], become an image as the data were made: scaled to fill the height, centred, inked dots counted in blocks of 4 x 4.
  const scan = (strokes) => {
    const points = strokes.flat();
    const [low, high] = [Math.min, Math.max].map((extreme) => [0, 1].map((axis) => extreme(...points.map((point) => point[axis]))));
    const zoom = (FINE - 2 * PEN) / Math.max(high[0] - low[0], high[1] - low[1], 1e-9);
    const dots = (point) => point.map((value, axis) => (value - (low[axis] + high[axis]) / 2) * zoom + FINE / 2);
    const pieces = strokes.flatMap((stroke) => stroke.map((point, i) => [dots(stroke[Math.max(i - 1, 0)]), dots(point)]));
    const isInked = (x, y) =>
      pieces.some(([[x1, y1], [x2, y2]]) => {
        const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
        const t = length ? Math.min(Math.max(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0), 1) : 0;
        return Math.hypot(x - x1 - t * (x2 - x1), y - y1 - t * (y2 - y1)) < PEN;
      });
    const image = new Float64Array(SIDE * SIDE);
    for (let y = 0; y < FINE; y++)
      for (let x = 0; x < FINE; x++) image[Math.floor(y / 4) * SIDE + Math.floor(x / 4)] += isInked(x + 0.5, y + 0.5);
    return image;
  };

  const moved = (image, down, right) =>
    image.map((_, i) => {
      const [row, column] = [Math.floor(i / SIDE) - down, (i % SIDE) - right];
      return row >= 0 && row < SIDE && column >= 0 && column < SIDE ? image[row * SIDE + column] : 0;
    });

  const redOrBlue = (value) => (value > 0 ? [255, 255 * (1 - value), 255 * (1 - value)] : [255 * (1 + value), 255 * (1 + value), 255]);

  Live.figures["fig-w5-grid"] = {
    data: "digits_networks",
    open(panel, arrays) {
      const member = ({ shape, data }, which) => {
        const size = data.length / 2;
        return array(shape.slice(1), data.slice(which * size, (which + 1) * size));
      };
      const networks = [0, 1].map((which) => {
        const [kernel, bias, W1, b1, W2, b2] = ["w00", "w01", "w02", "w03", "w04", "w05"].map((key) => member(arrays[key], which));
        return [
          { kind: "conv", activation: "relu", kernel, bias },
          { kind: "maxPool" },
          { kind: "dense", activation: "relu", kernel: W1, bias: b1 },
          { kind: "dense", kernel: W2, bias: b2 },
        ];
      });
      const [mean, deviation] = arrays.scale.data;
      const labels = arrays.labels.data;
      const example = (k) => arrays.images.data.slice(k * SIDE * SIDE, (k + 1) * SIDE * SIDE);

      let [which, chosen, image, strokes] = [0, 6, example(6), []];
      const move = { down: 0, right: 0 };
      let now;
      const compute = () => {
        const input = moved(image, move.down, move.right);
        const sample = array([SIDE, SIDE, 1], input.map((dots) => (dots - mean) / deviation));
        const found = activations(networks[which], sample);
        now = { input, maps: found[0], probabilities: softmax(found.at(-1)).data };
      };

      const seen = Live.picture("The image of 8 by 8 pixels that the network sees");
      seen.caption.textContent = "what the network sees";
      const said = make("p", { className: "live-message" });
      said.setAttribute("role", "status");
      const maps = make("div", { className: "live-maps" });
      maps.setAttribute("role", "img");
      const tiles = Array.from({ length: 10 }, (_, j) => {
        const [filter, map] = [make("canvas", { className: "live-pixels live-filter" }), make("canvas", { className: "live-pixels" })];
        maps.append(make("div", {}, make("span", { textContent: `filter ${j}` }), filter, map));
        return { filter, map };
      });
      const bars = make("div", { className: "live-bars" });
      bars.setAttribute("role", "img");

      const show = () => {
        compute();
        const { input, maps: found, probabilities } = now;
        const winner = probabilities.indexOf(Math.max(...probabilities));
        pixels(seen.canvas, SIDE, SIDE, input.map((dots) => dots / 16));
        const { kernel } = networks[which][0];
        const darkest = Math.max(...found.data, 1e-9);
        const strengths = tiles.map(({ filter, map }, j) => {
          const weights = kernel.data.filter((_, i) => i % 10 === j);
          const largest = Math.max(...weights.map(Math.abs));
          const values = found.data.filter((_, i) => i % 10 === j);
          pixels(filter, 3, 3, weights.map((weight) => weight / largest), redOrBlue);
          pixels(map, 6, 6, values.map((value) => value / darkest));
          return Math.max(...values);
        });
        const strongest = strengths.indexOf(Math.max(...strengths));
        maps.setAttribute("aria-label", `Ten filters of 3 by 3 weights and their feature maps of 6 by 6. Filter ${strongest} responds most.`);
        const texts = Array.from(probabilities, (p) => p.toFixed(3));
        bars.setAttribute("aria-label", `Probabilities: ${texts.map((text, digit) => `${digit}: ${text}`).join(", ")}`);
        bars.replaceChildren(
          ...texts.map((text, digit) => {
            const bar = make("span", { className: "live-bar" }, make("span"));
            bar.firstChild.style.width = `${100 * probabilities[digit]}%`;
            return make("div", {}, make("span", { textContent: digit }), bar, make("span", { textContent: text }));
          }),
        );
        const truth = chosen < labels.length ? ` The label is ${labels[chosen]}.` : "";
        said.textContent = `The network says ${winner}, with the probability ${texts[winner]}.${truth}`;
      };
      const changed = Live.atNextFrame(show);

      // The field to draw in, and its keyboard alternative: the list of real digits.
      const field = make("canvas", { className: "live-field", width: 200, height: 200 });
      field.setAttribute("role", "img");
      field.setAttribute("aria-label", "Field to draw a digit in with a finger, pen or mouse. With the keyboard, choose a real digit from the list.");
      const names = Array.from(labels, (label, k) => `${label}, ${k % 2 ? "second" : "first"} example`);
      const list = Live.choice("real digit", [...names, "my drawing"], (k) => {
        chosen = k;
        image = k < labels.length ? example(k) : scan(strokes);
        changed();
      });
      const mine = list.select.options[labels.length];
      const redraw = () => {
        const pen = field.getContext("2d");
        pen.clearRect(0, 0, field.width, field.height);
        [pen.lineWidth, pen.lineCap, pen.lineJoin] = [14, "round", "round"];
        strokes.forEach((stroke) => {
          pen.beginPath();
          stroke.forEach(([x, y]) => pen.lineTo(x, y));
          pen.lineTo(...stroke.at(-1)); // a dot has a length of zero and is drawn all the same
          pen.stroke();
        });
        mine.disabled = !strokes.length;
      };
      const point = (event) => [(event.offsetX * field.width) / field.clientWidth, (event.offsetY * field.height) / field.clientHeight];
      const extend = (event) => {
        strokes.at(-1).push(point(event));
        image = scan(strokes);
        chosen = labels.length;
        list.select.value = chosen;
        redraw();
        changed();
      };
      field.onpointerdown = (event) => {
        field.setPointerCapture(event.pointerId);
        strokes.push([]);
        extend(event);
      };
      field.onpointermove = (event) => field.hasPointerCapture(event.pointerId) && extend(event);
      const choose = (k) => {
        [strokes, chosen, image] = [[], k, example(k)];
        list.select.value = k;
        redraw();
        changed();
      };
      const clear = make("button", { type: "button", textContent: "Clear the field", onclick: () => choose(6) });

      const training = Live.choice("network", ["trained on the digits as they are", "trained on moved copies too"], (k) => {
        which = k;
        changed();
      });
      const shift = (key, label) => Live.slider(label, { min: -3, max: 3, step: 1, unit: "px" }, (value) => ((move[key] = value), changed()));
      const shifts = [shift("right", "move right"), shift("down", "move down")];
      shifts.forEach(({ set }) => set(0));

      panel.append(
        make("p", {
          textContent:
            "One network of the plateau: ten filters of 3 × 3, pooling by 2, fifty dense units. It has seen none of these digits in its training. Choose one or draw one, and move it.",
        }),
        make("div", { className: "live-columns live-controls" }, list.element, training.element, ...shifts.map(({ element }) => element)),
        make(
          "div",
          { className: "live-columns live-pictures" },
          make("figure", { className: "live-picture" }, field, make("figcaption", { textContent: "draw a digit here" }), clear),
          seen.element,
          bars,
        ),
        said,
        make("p", { textContent: "The ten filters (red positive, blue negative) and what each finds in the image, after the ReLU:" }),
        maps,
      );
      choose(chosen);
      show();
      return () => now;
    },
  };

  // ---- Week 12: the straight line and the arc between two latent vectors

  Live.figures["fig-w12-paths"] = {
    data: "gan_generator",
    open(panel, arrays) {
      const w = (number) => arrays[`w${String(number).padStart(2, "0")}`];
      const norm = (number) => ({
        kind: "batchNorm",
        activation: "leaky_relu",
        ...zip(["gamma", "beta", "mean", "variance"], [0, 1, 2, 3].map((i) => w(number + i))),
      });
      // physnets.gan.build_generator
      const generator = [
        { kind: "dense", kernel: w(0) },
        norm(1),
        { kind: "reshape", shape: [7, 7, 128] },
        { kind: "convTranspose", kernel: w(5) },
        norm(6),
        { kind: "convTranspose", kernel: w(10), stride: 2 },
        norm(11),
        { kind: "convTranspose", kernel: w(15), bias: w(16), stride: 2, activation: "tanh" },
      ];
      const size = 100;
      const latent = (digit) => arrays.latent.data.slice(digit * size, (digit + 1) * size);
      const length = (z) => Math.sqrt(z.reduce((sum, value) => sum + value * value, 0));
      const draw = (z) => activations(generator, array([size], z)).at(-1).data.map((value) => value / 2 + 0.5);
      const add = (a, z1, b, z2) => z1.map((value, i) => a * value + b * z2[i]);

      const ends = [2, 7];
      let [t, now] = [0.5, undefined];
      const paths = {
        straight: (z1, z2) => add(1 - t, z1, t, z2), // equation (4)
        spherical: (z1, z2) => {
          const cosine = z1.reduce((sum, value, i) => sum + value * z2[i], 0) / length(z1) / length(z2);
          const omega = Math.acos(Math.min(Math.max(cosine, -1), 1));
          // Equation (5); from a vector to itself there is no arc.
          return omega < 1e-6 ? z1 : add(Math.sin((1 - t) * omega) / Math.sin(omega), z1, Math.sin(t * omega) / Math.sin(omega), z2);
        },
      };
      const pictures = { start: "start", straight: "straight line", spherical: "arc of a circle", end: "end" };
      const views = Object.fromEntries(Object.entries(pictures).map(([key, name]) => [key, { name, ...Live.picture(name) }]));
      const put = (key, z) => {
        const image = draw(z);
        const ink = image.reduce((sum, value) => sum + value) / image.length;
        pixels(views[key].canvas, 28, 28, image);
        const lines = [`norm ${length(z).toFixed(2)}`, `ink ${ink.toFixed(3)}`];
        views[key].caption.replaceChildren(make("strong", { textContent: views[key].name }), ...lines.flatMap((line) => [make("br"), line]));
        return { z, image };
      };
      const showPaths = () => {
        const [z1, z2] = ends.map(latent);
        Object.entries(paths).forEach(([key, path]) => (now[key] = put(key, path(z1, z2))));
      };
      const showAll = () => {
        now = { start: put("start", latent(ends[0])), end: put("end", latent(ends[1])) };
        showPaths();
      };
      const changed = Live.atNextFrame(showPaths);
      const digits = Array.from({ length: 10 }, (_, digit) => String(digit));
      const choices = ["from", "to"].map((label, k) => Live.choice(label, digits, (digit) => ((ends[k] = digit), showAll())));
      choices.forEach(({ select }, k) => (select.value = ends[k]));
      const position = Live.slider("position t", { min: 0, max: 1, step: 0.01, digits: 2, unit: "" }, (value) => ((t = value), changed()));
      position.set(t);
      panel.append(
        make("p", {
          textContent:
            "The lecture's generator draws both pictures at each position of the slider. Samples have norms of 10 ± 0.7; the ink is the mean over the pixels, from 0 to 1.",
        }),
        make("div", { className: "live-columns" }, ...choices.map(({ element }) => element), position.element),
        make("div", { className: "live-columns live-pictures" }, ...Object.values(views).map(({ element }) => element)),
      );
      showAll();
      return () => now;
    },
  };
})();
