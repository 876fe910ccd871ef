// What is selected in the maps: how many, which, and what the probe of each layer makes of them.
const SHOWN = 60; // thumbnails

export class Side {
  // `look` is called with an image that is pointed at, `choose` with one that is clicked.
  constructor(place, look, choose) {
    this.part = name => place.querySelector(name);
    this.look = look;
    this.choose = choose;
  }

  say(words) { this.part(".count").textContent = words; }

  show(points, selected, layer) {
    if (!points) return;
    const chosen = [...selected];
    const { labels, classes, layers } = points;
    const counts = classes.map((name, k) => [chosen.filter(one => labels[one] === k).length, name]).filter(([n]) => n);
    this.say(chosen.length ? `${chosen.length} image${chosen.length > 1 ? "s" : ""} selected` : "Draw around images");
    this.part(".classes").textContent = chosen.length
      ? counts.map(([n, name]) => `${n} ${name}`).join(", ")
      : "They appear here and light up in every layer. A click selects one; with Shift, more.";
    this.part("svg").style.display = chosen.length ? "" : "none";
    if (chosen.length) this.plot(layers.map((_, k) => points.shareRight(chosen, k)), layer);
    const key = `${points.images.length} ${chosen.slice(0, SHOWN)} ${!!points.files}`;
    if (this.drawn === key) return;
    this.drawn = key;
    this.part(".pictures").replaceChildren(...chosen.slice(0, SHOWN).map(one => this.thumbnail(points, one)));
  }

  thumbnail(points, one) {
    const button = document.createElement("button"), picture = document.createElement("img");
    picture.src = points.pictureUrl(one) || "";
    picture.alt = `${points.images[one]}, class ${points.className(one)}`;
    button.append(picture);
    button.title = picture.alt;
    for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => this.look(one));
    button.addEventListener("click", () => this.choose(one));
    return button;
  }

  // The share of the selected images that the probe of each layer has right.
  plot(shares, layer) {
    const svg = this.part("svg"), now = shares[layer];
    const x = k => 34 + (318 * k) / Math.max(1, shares.length - 1), y = share => 72 - 60 * share;
    const line = shares.map((share, k) => `${k ? "L" : "M"}${x(k)} ${y(share)}`).join("");
    svg.setAttribute("aria-label", `The probe has ${now.toFixed(2)} of them right at this layer`);
    svg.innerHTML = `<path d="M34 12H352M34 72H352" stroke="currentColor" stroke-opacity=".25"/>
      <text x="26" y="16" text-anchor="end">1</text><text x="26" y="76" text-anchor="end">0</text>
      <text x="34" y="89">share of them that the probe has right, by layer</text>
      <path d="${line}" fill="none" stroke="var(--st-link-color)" stroke-width="2.5"/>
      <circle cx="${x(layer)}" cy="${y(now)}" r="6" fill="var(--st-link-color)"/>
      <text x="${Math.min(x(layer) + 9, 325)}" y="${now > 0.5 ? y(now) + 18 : y(now) - 8}">${now.toFixed(2)}</text>`;
  }
}
