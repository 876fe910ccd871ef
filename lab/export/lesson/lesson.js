// Slides of a run: walks them by keys, hides answers until they are predicted, draws charts so that their type is 20
// pixels or more, and lets a teacher edit the plan and save the page anew. Reads two JSON elements; fetches nothing.
"use strict";
(() => {
  const source = document.documentElement.outerHTML; // before anything is drawn: what is saved is this, with its plan
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plan = JSON.parse(document.getElementById("plan").textContent);
  const present = "present" in document.documentElement.dataset;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const LEAST = 14; // pixels of text in a chart as it is laid out
  const LARGE = 20; // and as it is shown, where the window is not a phone's
  let at = 0;
  let revealed = false;
  let chosen = -1;
  let drawn = null; // the chart that is shown
  let turn = 0; // counts what was shown: a drawing that comes late is dropped

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  const main = document.body.appendChild(element("main", "", { "aria-live": "polite" }));
  const bar = document.body.appendChild(element("nav", "", { "aria-label": "slides" }));
  const editor = document.body.appendChild(element("dialog", "", { id: "editor", "aria-label": "edit the lesson" }));
  if (present) document.body.classList.add("present");

  const step = () => plan.steps[at];
  const waits = () => step().hide && !present && !revealed;

  function show(number) {
    at = Math.max(0, Math.min(plan.steps.length - 1, number));
    revealed = false;
    chosen = -1;
    history.replaceState(null, "", "#" + (at + 1));
    draw();
  }

  function forward() {
    if (waits()) reveal();
    else if (at < plan.steps.length - 1) show(at + 1);
  }

  function reveal(option = -1) {
    revealed = true;
    chosen = option;
    draw();
  }

  function draw() {
    drawn?.finalize();
    drawn = null;
    turn += 1;
    const now = step();
    main.replaceChildren(element("h1", waits() && now.ask ? now.ask : now.title || now.ask));
    const told = element("div", "", { class: "told" });
    if (waits()) told.append(question(now));
    else if (now.told || chosen >= 0) told.append(answer(now));
    const part = document.getElementById("part-" + now.show);
    if (part && (!waits() || now.seen_first)) {
      const stage = element("div", "", { class: "stage" });
      stage.append(part.content.cloneNode(true));
      main.append(told, stage);
      const place = stage.querySelector("[data-chart]");
      if (place) chart(place, stage, turn).catch((error) => { place.textContent = String(error); });
    } else {
      main.append(told);
      main.classList.toggle("asking", waits());
    }
    main.classList.toggle("asking", waits());
    if (now.notes) main.append(element("p", now.notes, { class: "notes" }));
    bar.replaceChildren(...controls());
    document.title = (now.title || now.ask) + " · " + plan.title;
  }

  function question(now) {
    const list = element("div", "", { class: "options" });
    now.options.forEach((option, number) => {
      const button = element("button", option, { type: "button" });
      button.prepend(element("kbd", String(number + 1)));
      button.addEventListener("click", () => reveal(number));
      list.append(button);
    });
    const other = element("button", now.options.length ? "Just show it" : "Show it", { type: "button", class: "quiet" });
    other.addEventListener("click", () => reveal());
    list.append(other);
    return list;
  }

  function answer(now) {
    const said = element("p");
    if (chosen >= 0 && now.right > 0) {
      const right = chosen + 1 === now.right;
      said.append(element("b", right ? "As you predicted. " : "You said “" + now.options[chosen] + "”. ", {
        class: right ? "right" : "wrong",
      }));
    }
    if (now.right > 0 && now.hide && !present) said.append(element("b", now.options[now.right - 1] + ". "));
    said.append(now.told);
    return said;
  }

  function controls() {
    const count = element("span", at + 1 + " / " + plan.steps.length, { class: "count" });
    if (present) return [count];
    const button = (text, act, off) => {
      const made = element("button", text, { type: "button" });
      made.disabled = off;
      made.addEventListener("click", act);
      return made;
    };
    return [
      button("Back", () => show(at - 1), at === 0), count,
      button(waits() ? "Show" : "Next", forward, !waits() && at === plan.steps.length - 1),
      button("Edit", edit, false),
    ];
  }

  // Draw a chart into the stage, laid out small and enlarged, so that its smallest text has the least size.
  async function chart(place, stage, mine) {
    const phone = innerWidth < 700;
    const least = phone ? 1 : LARGE / LEAST;
    const room = stage.getBoundingClientRect();
    const wide = room.width;
    const high = Math.max(220, innerHeight - room.top - (present ? 24 : 76));
    const large = Math.max(least, high / 470);
    const name = place.dataset.chart;
    let spec = structuredClone((phone && figures.charts[name + "-narrow"]) || figures.charts[name]);
    const fits = spec.width === "container" && typeof spec.height === "number";
    if (spec.width === "container") {
      spec.width = Math.max(240, Math.floor(wide / large) - 8);
      const plot = Math.floor(high / large) - (spec.title ? 130 : 75);
      if (fits) spec.height = phone ? spec.height : Math.max(spec.height * 0.9, plot);
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    let look = figures.looks[dark.matches ? "dark" : "light"];
    const embed = () => vegaEmbed(place, structuredClone(spec), {
      ast: true, actions: false, renderer: "svg", config: look, logLevel: 1, // errors
      tooltip: { theme: dark.matches ? "dark" : "light", maxDepth: 2 },
    });
    let embedded = await embed();
    const size = () => ["width", "height"].map((name) => place.querySelector("svg.marks")[name].baseVal.value);
    const [wider, taller] = [size()[0] * least - wide, size()[1] - high / large];
    const lower = !phone && fits && taller > 0 && spec.height - taller > 150; // a legend below took room
    if (lower) spec.height -= taller;
    const fewer = spec.columns > 1 && wider > 0;
    if (fewer) spec.columns = Math.max(1, Math.floor((spec.columns * wide) / (wide + wider)));
    // What is drawn at fixed places is enlarged less, and its text is made as much larger.
    const growth = !fewer && wider > 0 && !phone ? Math.min(1.7, (wide + wider) / wide) : 1;
    if (lower || fewer || growth > 1) {
      [spec, look] = [grown(spec, growth), grown(look, growth)];
      embedded.finalize();
      embedded = await embed();
    }
    if (mine !== turn) {
      embedded.finalize();
      return;
    }
    drawn = embedded;
    const svg = place.querySelector("svg.marks");
    const [width, height] = size();
    const scale = Math.max(least / growth, Math.min(wide / width, high / height));
    svg.style.width = width * scale + "px";
    svg.style.height = height * scale + "px";
    place.dataset.scale = scale.toFixed(3);
    if (place.querySelector("input[type=range]")) walk(place, mine);
  }

  // A specification or a look whose text is larger.
  function grown(node, factor) {
    if (factor === 1 || node === null || typeof node !== "object") return node;
    if (Array.isArray(node)) return node.map((one) => grown(one, factor));
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [
      name, name === "datasets" ? value : /fontsize$/i.test(name) && value > 0 ? value * factor : grown(value, factor),
    ]));
  }

  // Go through the layers of a map once, a layer after the other; up and down go by hand.
  function walk(place, mine) {
    const slider = place.querySelector("input[type=range]");
    slider.setAttribute("aria-label", "layer");
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const timer = setInterval(() => {
      if (mine !== turn || !layer(1)) clearInterval(timer);
    }, 900);
    for (const event of ["pointerdown", "keydown"]) slider.addEventListener(event, () => clearInterval(timer));
    place.dataset.timer = timer;
  }

  function layer(by) {
    const slider = main.querySelector("input[type=range]");
    const next = Number(slider?.value) + by;
    if (!slider || next < Number(slider.min) || next > Number(slider.max)) return false;
    drawn.view.signal("depth_slider", next).runAsync();
    return true;
  }

  function byHand(by) {
    clearInterval(Number(main.querySelector("[data-timer]")?.dataset.timer));
    return layer(by);
  }

  // The editor: every step with its texts; what is left out stays in the list until the page is saved.
  function edit() {
    const rows = plan.steps.map((one) => ({ ...one }));
    const list = element("ol");
    const field = (row, name, label, rowsOfText) => {
      const made = element("label", label);
      const box = element(rowsOfText ? "textarea" : "input", "", rowsOfText ? { rows: rowsOfText } : {});
      box.value = name === "options" ? row.options.join("\n") : row[name];
      box.addEventListener("input", () => {
        row[name] = name === "options" ? box.value.split("\n").filter((line) => line.trim()) : box.value;
        if (name === "right") row.right = Number(box.value) || 0;
        row.right = Math.max(0, Math.min(row.right, row.options.length));
      });
      made.append(box);
      return made;
    };
    const check = (row, name, label) => {
      const made = element("label", "", { class: "check" });
      const box = element("input", "", { type: "checkbox" });
      box.checked = row[name];
      box.addEventListener("change", () => { row[name] = box.checked; });
      made.append(box, label);
      return made;
    };
    const fill = () => list.replaceChildren(...rows.map((row, number) => {
      const item = element("li");
      const button = (text, label, act) => {
        const made = element("button", text, { type: "button", "aria-label": label });
        made.addEventListener("click", () => { act(); fill(); });
        return made;
      };
      const move = (by) => {
        const to = number + by;
        if (to >= 0 && to < rows.length) rows.splice(to, 0, ...rows.splice(number, 1));
      };
      const title = row.title || row.ask || "(no title)";
      const head = element("summary", title);
      const details = element("details");
      details.append(head,
        field(row, "title", "Title"), field(row, "ask", "Question, before it is shown", 2),
        field(row, "options", "Answers to choose from, one a line", 3), field(row, "right", "Number of the right one, 0: none"),
        field(row, "told", "What is said when it is shown", 2), field(row, "notes", "Notes for the teacher", 2),
        check(row, "hide", "Hidden until it is predicted"), check(row, "seen_first", "The picture is part of the question"));
      item.append(
        button("↑", "earlier: " + title, () => move(-1)), button("↓", "later: " + title, () => move(1)),
        button("×", "leave out: " + title, () => rows.splice(number, 1)), details);
      return item;
    }));
    fill();
    const act = (text, does) => {
      const made = element("button", text, { type: "button" });
      made.addEventListener("click", does);
      return made;
    };
    const take = () => {
      if (rows.length) plan.steps = rows.map((row) => ({ ...row }));
      show(Math.min(at, plan.steps.length - 1));
    };
    const blank = { show: "", title: "", ask: "A question of your own", options: [], right: 0, told: "", notes: "", hide: true, seen_first: false };
    const buttons = element("p", "", { class: "acts" });
    buttons.append(
      act("Add a question", () => { rows.push({ ...blank }); fill(); list.lastChild.querySelector("details").open = true; }),
      act("Save the lesson", () => { take(); save("lesson.html", saved(), "text/html"); }),
      act("Save its plan", () => { take(); save("plan.json", JSON.stringify(plan, null, 1), "application/json"); }),
      act("Done", () => { take(); editor.close(); }));
    editor.replaceChildren(element("h2", "Edit the lesson"), list, buttons);
    editor.showModal();
  }

  // The page as it came, with the plan of now in it. No text of the plan can end the element that holds it.
  function saved() {
    const text = JSON.stringify(plan).replace(/[<>&\u2028\u2029]/g, (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
    const start = source.indexOf('id="plan">') + 'id="plan">'.length;
    return "<!doctype html>\n" + source.slice(0, start) + text + source.slice(source.indexOf("<\/script>", start));
  }

  function save(name, text, type) {
    const link = element("a", "", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  const KEYS = {
    ArrowRight: forward, PageDown: forward, " ": forward, Enter: forward,
    ArrowLeft: () => show(at - 1), PageUp: () => show(at - 1),
    Home: () => show(0), End: () => show(plan.steps.length - 1),
    ArrowUp: () => byHand(1), ArrowDown: () => byHand(-1),
    n: () => document.body.classList.toggle("with-notes"),
    f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
    e: () => { if (!present) edit(); },
  };
  addEventListener("keydown", (event) => {
    if (editor.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea") || (event.target.closest("button") && [" ", "Enter"].includes(event.key))) return;
    const option = Number(event.key) - 1;
    if (waits() && option >= 0 && option < step().options.length) reveal(option);
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });
  if (present) main.addEventListener("click", (event) => { if (!event.target.closest("a, input, svg")) forward(); });
  let waiting = 0;
  const again = () => { clearTimeout(waiting); waiting = setTimeout(draw, 250); };
  addEventListener("resize", again);
  dark.addEventListener("change", again);
  addEventListener("hashchange", () => show((Number(location.hash.slice(1)) || 1) - 1));
  show((Number(location.hash.slice(1)) || 1) - 1);
  window.labLesson = { saved, shown: () => ({ at, waits: waits(), chart: drawn !== null }) };
})();
