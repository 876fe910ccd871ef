// The points of embedding maps: read from bytes (lab/ui/embedding_maps/packed.py), drawn on a canvas, found by place.
const UNKNOWN = 255, NOWHERE = -32768, EDGE = 1.07; // the map's half, with a margin
const ROOM = 0.55, LEAST_PICTURE = 20, MOST_PICTURE = 52; // share of the map that pictures may cover; pixels
const FEW_IN_SMALL = 2500, FAINT = 0.16;
export const SHAPES = { // within a circle of radius 1
  "circle": "M.85 0A.85 .85 0 1 1 -.85 0A.85 .85 0 1 1 .85 0", "square": "M-.75-.75H.75V.75H-.75Z",
  "diamond": "M0-1L.8 0 0 1-.8 0Z", "triangle-up": "M0-.95L.95.75H-.95Z", "triangle-down": "M0 .95L.95-.75H-.95Z",
  "cross": "M-.3-.9H.3V-.3H.9V.3H.3V.9H-.3V.3H-.9V-.3H-.3Z", "wedge": "M0-1L.55.9H-.55Z",
};

// Write a mark into pixels `wide` across, its middle at (x, y); what is more opaque there already stays.
function stamp(pixels, wide, { side, pixels: mark }, x, y) {
  const left = Math.round(x - side / 2), top = Math.round(y - side / 2);
  const from = Math.max(0, -left), to = Math.min(side, wide - left);
  for (let row = Math.max(0, -top), last = Math.min(side, wide - top); row < last; row++) {
    const line = (top + row) * wide + left;
    for (let column = from; column < to; column++) {
      const value = mark[row * side + column], at = line + column;
      if (value >>> 24 && value >>> 24 >= pixels[at] >>> 24) pixels[at] = value;
    }
  }
}

export class Points {
  constructor(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    Object.assign(this, JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))));
    this.count = this.images.length;
    const places = this.layers.length * 2 * this.count;
    const units = new Int16Array(bytes, 4 + length, places);
    this.places = Float32Array.from(units, unit => (unit === NOWHERE ? NaN : unit / this.scale));
    this.taken = new Uint8Array(bytes, 4 + length + 2 * places);
    this.urls = new Map();
  }

  addPictures(bytes, ready) {
    this.offsets = new Uint32Array(bytes, 0, this.count + 1);
    this.files = bytes;
    this.bitmaps = new Array(this.count);
    this.ready = ready;
    ready();
  }

  blob(one) {
    const start = 4 * (this.count + 1);
    const file = this.files && this.files.slice(start + this.offsets[one], start + this.offsets[one + 1]);
    return file && file.byteLength ? new Blob([file]) : null;
  }

  pictureUrl(one) {
    if (!this.urls.has(one)) {
      const blob = this.blob(one);
      if (!blob) return null;
      this.urls.set(one, URL.createObjectURL(blob));
    }
    return this.urls.get(one);
  }

  className(one) { return this.classes[this.labels[one]]; }

  takenFor(one, layer) {
    const found = this.taken[layer * this.count + one];
    return found === UNKNOWN ? null : this.classes[found];
  }

  shareRight(chosen, layer) {
    return chosen.filter(one => this.taken[layer * this.count + one] === this.labels[one]).length / chosen.length;
  }

  numbersOf(rows) {
    const wanted = new Set(rows);
    return this.at.flatMap((row, number) => (wanted.has(row) ? [number] : []));
  }

  // Where an image lies on a map of `side` pixels.
  placeOf(one, layer, side, zoom, centre) {
    const x = this.places[2 * layer * this.count + one], y = this.places[(2 * layer + 1) * this.count + one];
    const scale = (zoom * side) / (2 * EDGE);
    return [side / 2 + (x - centre[0]) * scale, side / 2 - (y - centre[1]) * scale];
  }

  middleOf(chosen, layer) {
    return [0, 1].map(axis => chosen.reduce((sum, one) =>
      sum + (this.places[(2 * layer + axis) * this.count + one] || 0), 0) / chosen.length);
  }

  nearest([x, y], layer, side, zoom, centre, most) {
    let best = -1, least = most * most;
    for (let one = 0; one < this.count; one++) {
      const [a, b] = this.placeOf(one, layer, side, zoom, centre), far = (a - x) ** 2 + (b - y) ** 2;
      if (far < least) { least = far; best = one; }
    }
    return best;
  }

  inside(path, layer, side, zoom, centre) {
    const found = [];
    for (let one = 0; one < this.count; one++) {
      const [x, y] = this.placeOf(one, layer, side, zoom, centre);
      let within = false;
      for (let k = 0, before = path.length - 1; k < path.length; before = k++) {
        const [ax, ay] = path[k], [bx, by] = path[before];
        if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      }
      if (within) found.push(one);
    }
    return found;
  }

  // Points are written into the canvas's pixels, those that are selected last, and pictures are drawn above them: a
  // call for each of 50,000 points would take a second.
  draw(canvas, view) {
    const paper = canvas.getContext("2d"), side = canvas.width;
    if (!side) return;
    const dots = view.small ? 2 : side / Math.max(1, canvas.clientWidth);
    const size = this.pictureSize(view, side / dots) * dots, some = view.selected.size > 0;
    const [least, few, most] = view.small ? [1, 40, 2.8] : [1.6, 90, 6.5];
    const half = dots * Math.min(most, Math.max(least, few / Math.sqrt(this.count))) * Math.sqrt(view.zoom);
    const { xs, ys } = this.put(view, side, size + 9);
    const kept = !view.small || this.count <= FEW_IN_SMALL ? null : Math.ceil(this.count / FEW_IN_SMALL);
    const shown = (one, chosen) => xs[one] === xs[one] && (!some || view.selected.has(one) === chosen) &&
      (!kept || one % kept === 0 || (some && chosen));
    const sheet = paper.createImageData(side, side), pixels = new Uint32Array(sheet.data.buffer);
    for (const chosen of some ? [false, true] : [true]) {
      const stamps = this.stamps(half, some && !chosen ? FAINT : 0.9);
      for (let one = 0; one < this.count; one++) {
        if (shown(one, chosen) && !(size && this.bitmaps[one])) stamp(pixels, side, stamps[this.labels[one]], xs[one], ys[one]);
      }
    }
    paper.putImageData(sheet, 0, 0);
    for (const chosen of size ? (some ? [false, true] : [true]) : []) {
      paper.globalAlpha = some && !chosen ? FAINT : 1;
      for (let one = 0; one < this.count; one++) if (shown(one, chosen)) this.drawPicture(paper, one, xs[one], ys[one], size);
    }
    paper.globalAlpha = 1;
    if (view.cursor >= 0 && !view.moving) this.ring(paper, [xs[view.cursor], ys[view.cursor]], Math.max(size / 2, half) + 3 * dots, canvas);
    if (view.path) this.lasso(paper, view.path, dots, canvas);
  }

  // Where all images lie on a canvas of `side` dots, between two layers; NaN for those that lie farther out than `margin`.
  put(view, side, margin) {
    const { count, places } = this, scale = (view.zoom * side) / (2 * EDGE), { part } = view;
    const [fx, fy, tx, ty] = [2 * view.from, 2 * view.from + 1, 2 * view.to, 2 * view.to + 1].map(k => k * count);
    this.xs ??= new Float32Array(count);
    this.ys ??= new Float32Array(count);
    for (let one = 0; one < count; one++) {
      const x = side / 2 + (places[fx + one] * (1 - part) + places[tx + one] * part - view.centre[0]) * scale;
      const y = side / 2 - (places[fy + one] * (1 - part) + places[ty + one] * part - view.centre[1]) * scale;
      const inside = x > -margin && x < side + margin && y > -margin && y < side + margin;
      this.xs[one] = inside ? x : NaN;
      this.ys[one] = y;
    }
    return this;
  }

  // Pictures take the place of points when they find room: of all images that are in sight.
  pictureSize(view, side) {
    if (view.small || !this.files) return 0;
    const size = Math.min(MOST_PICTURE, Math.sqrt((ROOM * side * side * view.zoom ** 1.6) / this.count));
    return size >= LEAST_PICTURE ? size : 0;
  }

  drawPicture(paper, one, x, y, size) {
    const picture = this.bitmaps[one];
    if (picture === undefined) this.decode(one);
    if (!picture) return;
    const edge = Math.max(2, size / 14);
    paper.fillStyle = this.colours[this.labels[one]];
    paper.fillRect(x - size / 2 - edge, y - size / 2 - edge, size + 2 * edge, size + 2 * edge);
    paper.drawImage(picture, x - size / 2, y - size / 2, size, size);
  }

  decode(one) {
    const blob = this.blob(one);
    this.bitmaps[one] = null;
    if (!blob) return;
    createImageBitmap(blob, { resizeWidth: 72, resizeHeight: 72, resizeQuality: "medium" }).then(picture => {
      this.bitmaps[one] = picture;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(this.ready, 30);
    }, () => null);
  }

  // The mark of each class as pixels: its side, and colours with opacity, row by row.
  stamps(half, opacity) {
    const key = `${half.toFixed(1)} ${opacity}`;
    this.made ??= {};
    return (this.made[key] ??= this.classes.map((_, k) => {
      const side = Math.ceil(2 * half + 2), paper = new OffscreenCanvas(side, side).getContext("2d");
      paper.translate(side / 2, side / 2);
      paper.scale(half, half);
      paper.globalAlpha = opacity;
      paper.fillStyle = this.colours[k];
      paper.fill(new Path2D(SHAPES[this.shapes[k]]));
      return { side, pixels: new Uint32Array(paper.getImageData(0, 0, side, side).data.buffer) };
    }));
  }

  ring(paper, [x, y], radius, canvas) {
    paper.strokeStyle = getComputedStyle(canvas).color;
    paper.lineWidth = 2.5;
    paper.beginPath();
    paper.arc(x, y, radius, 0, 7);
    paper.stroke();
  }

  lasso(paper, path, dots, canvas) {
    paper.strokeStyle = paper.fillStyle = getComputedStyle(canvas).color;
    paper.lineWidth = 1.5 * dots;
    paper.beginPath();
    path.forEach(([x, y]) => paper.lineTo(x * dots, y * dots));
    paper.closePath();
    paper.stroke();
    paper.globalAlpha = 0.08;
    paper.fill();
    paper.globalAlpha = 1;
  }
}
