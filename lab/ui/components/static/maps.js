// Embedding maps: one large map that morphs from layer to layer, a strip of all layers, what is selected beside it.
//
// data: {places, pictures: URLs of lab/ui/embedding_maps/packed.py, layer, selected: rows of the run's images}
// state sent back: layer (its name), selected (rows), image (a row); only what a person has changed.
import { Points, SHAPES } from "./points.js";
import { Side } from "./side.js";

const MORPH = 650, HOLD = 350, SETTLED = 250; // milliseconds
const NEAR = 16, DRAGGED = 5; // pixels
const HTML = `<div class="lab-maps"><div class="stage"><div class="map">
  <p class="name" aria-live="polite"></p><p class="trust"></p><ul class="legend"></ul>
  <canvas class="large" tabindex="0" role="application"></canvas><div class="lens" hidden></div>
  <div class="bar"><button class="back" aria-label="Layer before">‹</button><button class="play">Play</button>
  <button class="on" aria-label="Next layer">›</button>
  <input type="range" min="0" step="1" aria-label="Layer">
  <button class="closer" aria-label="Closer">+</button><button class="farther" aria-label="Farther">−</button>
  <button class="draw" aria-pressed="false" hidden>Draw to select</button>
  <button class="none">Select none</button></div></div>
  <div class="side"><p class="count" aria-live="polite"></p><p class="classes"></p><svg role="img" viewBox="0 0 360 92"></svg>
  <div class="pictures"></div></div></div><div class="film"></div></div>`;
const views = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  if (!views.has(root)) views.set(root, new View(root.querySelector(".lab")));
  const view = views.get(root);
  view.update(component);
  return () => view.pause();
}

class View {
  constructor(place) {
    place.innerHTML = HTML;
    this.part = name => place.querySelector(name);
    this.side = new Side(
      this.part(".side"), one => { this.cursor = one; this.redraw(); }, one => this.send("image", this.points.at[one]),
    );
    this.canvas = this.part(".large");
    this.at = this.shown = 0; // the chosen layer, and what is drawn: between two layers while it morphs
    this.selected = new Set();
    this.zoom = 1; this.centre = [0, 0]; this.cursor = -1; this.told = {};
    this.listen();
    new ResizeObserver(() => this.resized()).observe(this.part(".map"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(() => this.redraw(), 300));
  }

  async update({ data, setStateValue }) {
    this.send = (name, value) => { (this.told[name] ??= []).push(JSON.stringify(value)); setStateValue(name, value); };
    if (this.url !== data.places) {
      this.url = data.places;
      const bytes = await (await fetch(data.places)).arrayBuffer();
      if (this.url !== data.places) return;
      this.points = new Points(bytes);
      this.build(data);
      fetch(data.pictures).then(found => found.arrayBuffer()).then(found => {
        this.points.addPictures(found, () => this.redraw());
        this.side.show(this.points, this.selected, this.at);
      });
    } else if (this.points) this.follow(data);
    this.redraw(); // the page's colours may have changed
  }

  build(data) {
    const { layers, classes, colours, shapes } = this.points;
    this.part(".legend").innerHTML = "";
    if (classes.length <= 24) classes.forEach((name, k) => {
      const line = document.createElement("li");
      line.innerHTML = `<svg viewBox="-1 -1 2 2" aria-hidden="true"><path d="${SHAPES[shapes[k]]}" fill="${colours[k]}"/></svg>`;
      line.append(name);
      this.part(".legend").append(line);
    });
    this.part("input").max = layers.length - 1;
    this.part(".film").replaceChildren(...layers.map((name, k) => {
      const one = document.createElement("button"), text = document.createElement("span");
      text.textContent = one.title = name;
      one.append(document.createElement("canvas"), text);
      one.addEventListener("click", () => this.go(k));
      return one;
    }));
    this.seen = {};
    this.follow(data);
    this.shown = this.at;
    this.resized();
  }

  // Take over what the page says of layer and selection, where that is news and not an echo of what was sent. Several
  // may be on their way: the echo of an earlier one must not undo a later one, which will be echoed after it, if at all.
  follow(data) {
    for (const name of ["layer", "selected"]) {
      const text = JSON.stringify(data[name]);
      if (this.seen[name] === text) continue;
      this.seen[name] = text;
      const told = this.told[name] ?? [], echo = told.indexOf(text);
      this.told[name] = told.slice(echo + 1 || told.length);
      if (echo >= 0) continue;
      if (name === "layer") this.go(Math.max(0, this.points.layers.indexOf(data.layer)), false);
      else this.select(this.points.numbersOf(data.selected), false);
    }
  }

  go(layer, tell = true) {
    const last = this.points.layers.length - 1;
    this.at = Math.min(Math.max(layer, 0), last);
    const name = this.points.layers[this.at];
    this.part(".name").textContent = name;
    this.part(".trust").textContent = this.points.trust[this.at];
    this.part("input").value = this.at;
    this.part("input").setAttribute("aria-valuetext", name);
    this.canvas.setAttribute("aria-label", `Map of ${this.points.count} images in layer ${name}. Left and right: other ` +
      "layers. Up and down: from image to image. Enter: select. Escape: select none. P: play.");
    [...this.part(".film").children].forEach((one, k) => one.setAttribute("aria-current", k === this.at));
    this.from = this.shown; this.began = performance.now();
    this.side.show(this.points, this.selected, this.at);
    this.redraw();
    clearTimeout(this.timer);
    if (tell) this.timer = setTimeout(() => this.playing || this.send("layer", name), SETTLED);
  }

  play() {
    if (this.playing) return this.pause();
    this.part(".play").textContent = "Pause";
    if (this.at === this.points.layers.length - 1) { this.at = this.shown = 0; this.go(0); }
    const step = () => {
      if (this.at === this.points.layers.length - 1) return this.pause();
      this.go(this.at + 1);
      this.playing = setTimeout(step, MORPH + HOLD);
    };
    this.playing = setTimeout(step, HOLD);
  }

  pause() {
    if (!this.playing) return;
    clearTimeout(this.playing);
    this.playing = 0;
    this.part(".play").textContent = "Play";
    this.send("layer", this.points.layers[this.at]);
  }

  select(numbers, tell = true) {
    this.selected = new Set(numbers);
    this.side.show(this.points, this.selected, this.at);
    this.redraw();
    this.drawFilm();
    if (tell) this.send("selected", [...this.selected].map(one => this.points.at[one]).sort((a, b) => a - b));
  }

  redraw() {
    if (this.frame || !this.points) return;
    this.frame = requestAnimationFrame(now => {
      this.frame = 0;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const part = still ? 1 : Math.min(1, (now - (this.began || 0)) / MORPH);
      // Steps of several layers pass straight from where the points are to where they belong.
      this.shown = part < 1 ? this.from : this.at;
      const eased = part < 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part);
      this.points.draw(this.canvas, {
        from: this.from ?? this.at, to: this.at, part: eased, selected: this.selected, zoom: this.zoom,
        centre: this.centre, path: this.path, cursor: this.cursor, moving: part < 1,
      });
      if (part < 1) this.redraw();
    });
  }

  resized() {
    const side = this.canvas.clientWidth, dots = Math.min(window.devicePixelRatio || 1, 2);
    if (!side || !this.points) return;
    this.canvas.width = this.canvas.height = Math.round(side * dots);
    this.redraw();
    this.drawFilm();
  }

  // One layer of the strip a frame, so that the large map stays smooth.
  drawFilm() {
    cancelAnimationFrame(this.filming);
    const cells = [...this.part(".film").querySelectorAll("canvas")];
    const next = k => {
      if (k >= cells.length) return;
      cells[k].width = cells[k].height = 2 * cells[k].clientWidth;
      this.points.draw(cells[k], { from: k, to: k, part: 1, selected: this.selected, zoom: 1, centre: [0, 0], small: true });
      this.filming = requestAnimationFrame(() => next(k + 1));
    };
    this.filming = requestAnimationFrame(() => next(0));
  }

  lens(one, place) {
    const box = this.part(".lens");
    box.hidden = one < 0;
    if (one < 0) return;
    if (box.dataset.one !== String(one) || box.dataset.layer !== String(this.at)) {
      box.dataset.one = one; box.dataset.layer = this.at;
      const url = this.points.pictureUrl(one), taken = this.points.takenFor(one, this.at);
      box.replaceChildren();
      if (url) { const picture = document.createElement("img"); picture.src = url; picture.alt = ""; box.append(picture); }
      box.append(this.points.className(one) + (taken === null ? "" : taken === this.points.className(one)
        ? ", right here" : `, taken for ${taken} here`));
    }
    const width = this.canvas.clientWidth, left = place[0] + 18 + 168 > width ? place[0] - 186 : place[0] + 18;
    box.style.left = `${Math.max(0, left)}px`;
    box.style.top = `${this.canvas.offsetTop + Math.min(Math.max(place[1] - 60, 0), width - 190)}px`;
  }

  listen() {
    const on = (name, event, act) => this.part(name).addEventListener(event, act);
    on(".back", "click", () => this.go(this.at - 1));
    on(".on", "click", () => this.go(this.at + 1));
    on(".play", "click", () => this.play());
    on(".none", "click", () => this.select([]));
    on(".closer", "click", () => this.scale(1.5));
    on(".farther", "click", () => this.scale(1 / 1.5));
    on(".draw", "click", event => {
      const lasso = this.canvas.classList.toggle("lasso");
      event.target.setAttribute("aria-pressed", lasso);
    });
    this.part(".draw").hidden = !matchMedia("(pointer: coarse)").matches;
    on("input", "input", event => this.go(+event.target.value));
    on(".lab-maps", "keydown", event => event.stopPropagation()); // the page's own keys would do it twice
    this.canvas.addEventListener("keydown", event => this.key(event));
    this.canvas.addEventListener("pointerdown", event => this.down(event));
    this.canvas.addEventListener("pointermove", event => this.move(event));
    this.canvas.addEventListener("pointerup", event => this.up(event));
    this.canvas.addEventListener("pointercancel", () => { this.path = null; this.redraw(); });
    this.canvas.addEventListener("pointerleave", () => { if (!this.path) { this.cursor = -1; this.lens(-1); this.redraw(); } });
    this.canvas.addEventListener("dblclick", () => this.select([]));
  }

  key(event) {
    const acts = {
      ArrowLeft: () => this.go(this.at - 1), ArrowRight: () => this.go(this.at + 1),
      ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), Home: () => this.go(0),
      End: () => this.go(Infinity), Escape: () => this.select([]), p: () => this.play(),
      "+": () => this.scale(1.5), "-": () => this.scale(1 / 1.5),
      Enter: () => this.pick(this.cursor, true), " ": () => this.pick(this.cursor, true),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  step(way) {
    this.cursor = (this.cursor + way + this.points.count) % this.points.count;
    this.lens(this.cursor, this.points.placeOf(this.cursor, this.at, this.canvas.clientWidth, this.zoom, this.centre));
    this.side.say(`${this.points.images[this.cursor]}, ${this.points.className(this.cursor)}`);
    this.redraw();
  }

  pick(one, more) {
    if (one < 0) return;
    const chosen = new Set(more ? this.selected : []);
    if (more && chosen.has(one)) chosen.delete(one); else chosen.add(one);
    this.select(chosen);
    if (chosen.has(one)) this.send("image", this.points.at[one]);
  }

  scale(factor) {
    const chosen = [...this.selected];
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), 12);
    if (this.zoom === 1) this.centre = [0, 0];
    else if (chosen.length) this.centre = this.points.middleOf(chosen, this.at);
    this.redraw();
  }

  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button || !this.points) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.path = [this.where(event)];
    this.lens(-1);
  }

  move(event) {
    if (!this.points) return;
    const place = this.where(event);
    if (this.path) {
      this.path.push(place);
    } else {
      this.cursor = this.points.nearest(place, this.at, this.canvas.clientWidth, this.zoom, this.centre, NEAR);
      this.lens(this.cursor, place);
    }
    this.redraw();
  }

  up(event) {
    const path = this.path;
    this.path = null;
    if (!path) return;
    const far = Math.max(...path.map(([x, y]) => Math.hypot(x - path[0][0], y - path[0][1])));
    const side = this.canvas.clientWidth;
    if (far < DRAGGED) {
      const one = this.points.nearest(path[0], this.at, side, this.zoom, this.centre, NEAR);
      if (one >= 0) this.pick(one, event.shiftKey); else if (!event.shiftKey) this.select([]);
    } else {
      const inside = this.points.inside(path, this.at, side, this.zoom, this.centre);
      this.select(event.shiftKey ? [...this.selected, ...inside] : inside);
    }
  }
}
