// Draws the charts of a report when they come into view, in the look of the reader's colour scheme, and puts the
// thumbnails into the gallery. Reads one JSON element; fetches nothing.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll("[data-chart]")];
  const views = new Map(); // what is drawn, by chart
  const turns = new Map(); // the last drawing asked for, by chart: one waits for the other

  const pictures = new Map(figures.datasets.thumbnails.map((row) => [row.image, row.thumbnail]));
  for (const image of document.querySelectorAll("img[data-image]")) {
    const picture = pictures.get(image.dataset.image);
    if (picture) image.src = picture;
  }

  // A copy of the specification with the data it names, fitted to the width there is.
  function fitted(place) {
    const space = place.clientWidth || place.parentElement.clientWidth;
    const name = place.dataset.chart;
    const narrow = space < 600 ? figures.charts[name + "-narrow"] : undefined;
    const spec = structuredClone(narrow ?? figures.charts[name]);
    const used = new Set();
    JSON.stringify(spec, (key, value) => {
      if (key === "name" && typeof value === "string" && value in figures.datasets) used.add(value);
      return value;
    });
    spec.datasets = Object.fromEntries([...used].map((name) => [name, figures.datasets[name]]));
    if (spec.concat) {
      spec.columns = Math.max(2, Math.min(6, Math.floor(space / 165)));
      const side = Math.floor((space - 12 * spec.columns) / spec.columns);
      for (const part of spec.concat) part.width = part.height = side;
    } else if (typeof spec.width === "number") {
      const side = Math.min(spec.width, place.closest("section").clientWidth - 70);
      spec.height = Math.round((spec.height * side) / spec.width);
      spec.width = side;
    } else {
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    return spec;
  }

  function draw(place) {
    const name = place.dataset.chart;
    const turn = (turns.get(name) ?? Promise.resolve()).then(() => drawNow(place, name));
    turns.set(name, turn);
    return turn;
  }

  // The look of the reader's colour scheme, with smaller titles where there is little room.
  function look() {
    const own = figures.looks[dark.matches ? "dark" : "light"];
    return innerWidth < 600 ? { ...own, title: { ...own.title, fontSize: 15, subtitleFontSize: 12.5 } } : own;
  }

  async function drawNow(place, name) {
    const spec = fitted(place);
    views.get(name)?.finalize();
    const drawn = await vegaEmbed(place, spec, {
      ast: true, // no eval: the page's policy forbids it
      renderer: spec.concat ? "canvas" : "svg",
      config: look(),
      actions: { export: { png: true, svg: true }, source: false, compiled: false, editor: false },
      tooltip: { theme: dark.matches ? "dark" : "light", maxDepth: 2 },
      logLevel: 1, // errors
      downloadFileName: name,
      scaleFactor: 2,
    });
    views.set(name, drawn);
    place.classList.add("drawn");
    if (name.startsWith("walk")) addWalk(place, drawn.view);
  }

  // A button that moves the slider from the first layer to the last.
  function addWalk(place, view) {
    const slider = place.querySelector("input[type=range]");
    if (!slider) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Walk";
    slider.closest(".vega-bindings, form")?.append(button);
    slider.setAttribute("aria-label", "layer");
    const last = Number(slider.max);
    let frame = 0;
    button.addEventListener("click", () => {
      cancelAnimationFrame(frame);
      const start = performance.now();
      const step = (now) => {
        const at = Math.min(last, Math.floor(((now - start) / 1000) * 2.2)); // a map is of a whole layer
        view.signal("depth_slider", at).runAsync();
        if (at < last) frame = requestAnimationFrame(step);
      };
      frame = requestAnimationFrame(step);
    });
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        if (!turns.has(entry.target.dataset.chart)) draw(entry.target);
      }
    },
    { rootMargin: "400px" }
  );
  for (const place of places) seen.observe(place);

  const again = () => places.filter((place) => views.has(place.dataset.chart)).forEach(draw);
  dark.addEventListener("change", again);
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (innerWidth !== width) again();
      width = innerWidth;
    }, 250);
  });
  addEventListener("beforeprint", () => places.filter((p) => !turns.has(p.dataset.chart)).forEach(draw));
  window.labReport = { views, drawAll: () => Promise.all(places.map((p) => turns.get(p.dataset.chart) ?? draw(p))) };
})();
