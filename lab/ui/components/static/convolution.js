// A convolution at work: a window slides over one input channel, its numbers times the kernel slice are summed, and the
// sum with that of the other channels is one pixel of the output.
//
// data: {url: where the numbers are (lab/ui/building/convolution.py), row, column: the output pixel to begin with}
// state sent back: at ([row, column]), where a person has gone to; not while it plays
const SLOW = 450, SLOW_STEPS = 6, REST = 14000; // milliseconds a step at first, so many steps, and for all the rest
const FRAME = "#ff9a3c", POSITIVE = [217, 98, 31], NEGATIVE = [36, 116, 207];
const MOST_NUMBERS = 5; // a larger kernel's cells are too small for numbers
const HTML = `<div class="stage"><figure><figcaption class="from"></figcaption><canvas class="input"></canvas></figure>
  <div class="middle"><div class="product"><figure class="patch"><figcaption>in the window</figcaption><div class="cells"></div></figure>
  <b>×</b><figure class="kernel"><figcaption>kernel slice</figcaption><div class="cells"></div></figure></div>
  <dl class="sum"></dl><div class="bar"><button class="back" aria-label="Pixel before">‹</button>
  <button class="play">Play</button><button class="on" aria-label="Next pixel">›</button><p class="where" aria-live="polite"></p></div>
  <p class="key"><i class="above"></i>above zero <i class="below"></i>below</p></div>
  <figure><figcaption class="to"></figcaption><canvas class="output" tabindex="0" role="application"></canvas></figure></div>`;
const views = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  if (!views.has(root)) views.set(root, new View(root.querySelector(".lab")));
  views.get(root).update(component);
  return () => views.get(root).pause();
}

class View {
  constructor(place) {
    place.innerHTML = HTML;
    this.part = name => place.querySelector(name);
    this.part(".play").hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.part(".play").addEventListener("click", () => (this.playing ? this.pause(true) : this.play()));
    this.part(".back").addEventListener("click", () => this.step(-1));
    this.part(".on").addEventListener("click", () => this.step(1));
    this.part(".output").addEventListener("click", event => this.point(event));
    this.part(".output").addEventListener("keydown", event => this.key(event));
    new ResizeObserver(() => this.draw()).observe(place);
  }

  async update({ data, setStateValue }) {
    this.send = () => setStateValue("at", [this.row, this.column]);
    if (this.url !== data.url) {
      this.url = data.url;
      const bytes = await (await fetch(data.url)).arrayBuffer();
      if (this.url !== data.url) return;
      this.pause();
      this.take(bytes);
      this.seen = "";
    }
    const seen = `${data.row} ${data.column}`;
    if (this.about && seen !== this.seen && !this.playing) {
      this.seen = seen;
      this.at = Math.min(data.row * this.about.wide + data.column, this.last);
    }
    this.draw();
  }

  take(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    this.about = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const { height, width, high, wide } = this.about, numbers = new Float32Array(bytes, 4 + length);
    this.input = numbers.subarray(0, height * width);
    this.added = numbers.subarray(height * width, height * width + high * wide); // by this input channel
    this.output = numbers.subarray(height * width + high * wide);
    this.last = high * wide - 1;
    this.filled = this.last + 1; // pixels of the output that are shown
    const most = values => values.reduce((size, value) => Math.max(size, Math.abs(value)), 1e-12);
    this.most = { input: most(this.input), output: most(this.output), kernel: most(this.about.kernel.flat()) };
    const [low, top] = this.input.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    this.paper = sheet(width, height, (k, put) => put(Array(3).fill((255 * (this.input[k] - low)) / (top - low || 1)), 1));
    this.part(".from").textContent = this.about.from;
    this.part(".to").textContent = this.about.to;
    this.grid(".patch");
    this.grid(".kernel").forEach((cell, k) => this.fill(cell, this.about.kernel.flat()[k], this.most.kernel));
  }

  get row() { return Math.floor(this.at / this.about.wide); }
  get column() { return this.at % this.about.wide; }

  grid(name) {
    const { kernel } = this.about, place = this.part(`${name} .cells`), across = kernel[0].length;
    const side = kernel.length > MOST_NUMBERS ? Math.floor(170 / across) : 46;
    place.style.gridTemplateColumns = `repeat(${across}, ${side}px)`;
    place.replaceChildren(...kernel.flat().map(() => document.createElement("span")));
    const cells = [...place.children];
    if (kernel.length > MOST_NUMBERS) cells.forEach(cell => { cell.style.height = `${side}px`; });
    return cells;
  }

  fill(cell, value, most) {
    const colour = value < 0 ? NEGATIVE : POSITIVE;
    cell.style.backgroundImage = `linear-gradient(rgba(${colour}, ${0.8 * Math.min(1, Math.abs(value) / most)}) 0 0)`;
    cell.textContent = this.about.kernel.length > MOST_NUMBERS ? "" : rounded(value);
  }

  // The numbers in the window; outside the channel there are zeros.
  patch() {
    const { kernel, dilation, height, width } = this.about, [top, left] = this.corner();
    return kernel.flatMap((line, i) => line.map((_, j) => {
      const y = top + i * dilation[0], x = left + j * dilation[1];
      return y >= 0 && y < height && x >= 0 && x < width ? this.input[y * width + x] : 0;
    }));
  }

  corner() {
    const { stride, padding } = this.about;
    return [this.row * stride[0] - padding[0], this.column * stride[1] - padding[1]];
  }

  draw() {
    if (!this.about || this.at === undefined) return;
    const { kernel, dilation, padding, height, width, bias, others, high, wide } = this.about;
    const numbers = this.patch(), [top, left] = this.corner();
    [...this.part(".patch .cells").children].forEach((cell, k) => this.fill(cell, numbers[k], this.most.input));
    const frame = [left + padding[1], top + padding[0], (kernel[0].length - 1) * dilation[1] + 1, (kernel.length - 1) * dilation[0] + 1];
    paint(this.part(".input"), this.paper, width + 2 * padding[1], height + 2 * padding[0], frame, padding);
    const shown = sheet(wide, high, (k, put) => {
      const value = this.output[k] / this.most.output;
      if (k < this.filled) put(value < 0 ? NEGATIVE : POSITIVE, Math.abs(value) ** 0.6); // so that weak answers show
    });
    paint(this.part(".output"), shown, wide, high, [this.column, this.row, 1, 1], [0, 0]);
    const own = this.added[this.at], all = this.output[this.at];
    this.part(".sum").innerHTML = [
      ["products, summed", own], ...(others ? [[`+ the other ${others === 1 ? "channel" : `${others} channels`}`, all - own - bias]] : []),
      ...(bias ? [["+ bias", bias]] : []), ["= this pixel", all, "total"],
    ].map(([name, value, kind = ""]) => `<div class="${kind}"><dt>${name}</dt><dd>${rounded(value)}</dd></div>`).join("");
    const where = `row ${this.row}, column ${this.column}`;
    this.part(".output").setAttribute("aria-label", `Output map. ${where}: ${rounded(all)}. Arrow keys: other pixels. Space: play.`);
    if (!this.playing) this.part(".where").textContent = where;
  }

  play() {
    if (this.filled > this.last) this.filled = 0;
    this.at = this.filled;
    const began = performance.now(), first = this.at, rest = Math.max(1, this.last - first - SLOW_STEPS);
    this.part(".play").textContent = "Pause";
    this.part(".where").textContent = "";
    const next = now => {
      const steps = (now - began) / SLOW, gone = steps <= SLOW_STEPS ? steps
        : SLOW_STEPS + ((now - began - SLOW * SLOW_STEPS) / Math.min(REST, SLOW * rest)) * rest;
      this.at = Math.min(this.last, first + Math.max(0, Math.floor(gone)));
      this.filled = this.at + 1;
      this.draw();
      if (this.at < this.last) this.playing = requestAnimationFrame(next); else this.pause(true);
    };
    this.playing = requestAnimationFrame(next);
  }

  pause(tell = false) {
    if (!this.playing) return;
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.part(".play").textContent = "Play";
    this.draw();
    if (tell) this.send();
  }

  step(by) {
    this.pause();
    this.go(this.at + by);
  }

  go(at) {
    this.at = Math.min(Math.max(at, 0), this.last);
    this.filled = Math.max(this.filled, this.at + 1);
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.send, 350); // keys come in rows
  }

  point(event) {
    if (!this.about) return;
    this.pause();
    const box = event.target.getBoundingClientRect(), { high, wide } = this.about;
    const within = (far, side, count) => Math.min(count - 1, Math.max(0, Math.floor((far / side) * count)));
    this.filled = this.last + 1;
    this.go(within(event.clientY - box.top, box.height, high) * wide + within(event.clientX - box.left, box.width, wide));
  }

  key(event) {
    const { wide } = this.about || {}, far = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
    if (event.key === " " && !this.part(".play").hidden) this.part(".play").click();
    else if (!far) return;
    else this.step(far);
    event.preventDefault();
    event.stopPropagation(); // the page's own keys go from layer to layer
  }
}

// A picture of `width` × `height` dots; `paint` is called with each place and a way to colour it (0..255, opacity 0..1).
function sheet(width, height, paint) {
  const canvas = new OffscreenCanvas(width, height), paper = canvas.getContext("2d"), image = paper.createImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    paint(k, ([red, green, blue], opacity) => image.data.set([red, green, blue, 255 * opacity], 4 * k));
  }
  paper.putImageData(image, 0, 0);
  return canvas;
}

// Fill a canvas with a map of `across` × `down` places, `padding` of them around the picture, and frame some of them.
function paint(canvas, picture, across, down, [x, y, wide, high], padding) {
  const dots = Math.min(window.devicePixelRatio || 1, 2), side = Math.round(canvas.clientWidth * dots);
  if (!side) return;
  canvas.width = side;
  canvas.height = Math.round((side * down) / across);
  const paper = canvas.getContext("2d"), one = side / across;
  paper.imageSmoothingEnabled = false;
  paper.drawImage(picture, padding[1] * one, padding[0] * one, picture.width * one, picture.height * one);
  const least = Math.max(0, 5 * dots - wide * one) / 2; // a single dot would be too small a frame
  const box = [x * one - least, y * one - least, wide * one + 2 * least, high * one + 2 * least];
  for (const [colour, thick] of [["rgb(0 0 0 / 0.75)", 4], [FRAME, 2]]) {
    paper.strokeStyle = colour;
    paper.lineWidth = thick * dots;
    paper.strokeRect(...box);
  }
}

// A number as people read it: two digits after the point, more only for small ones.
function rounded(value) {
  const size = Math.abs(value);
  const text = size >= 100 ? value.toFixed(0) : size >= 0.095 || size < 5e-5 ? value.toFixed(2) : value.toPrecision(1);
  return /^-?0(\.0*)?$/.test(text) ? "0" : text.replace("-", "−");
}
