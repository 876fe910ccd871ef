// A grid of pictures, each a button.
//
// data: {pictures: [{id, url, alt, caption, note, row: [{url, pixelated}], more: [url], halves}], side: pixels, chosen:
// an id}; where there is no `url`, the row is all there is; where it is null, a gray square stands for it; `more` are
// small pictures below. `halves` are two that stand side by side, each with `url`, `alt`, `row`, `more` and a word.
// trigger sent back: picked (an id)
const grids = new WeakMap();

export default function ({ parentElement: root, data, setTriggerValue }) {
  const place = root.querySelector(".lab"), text = JSON.stringify(data.pictures);
  place.classList.add("grid");
  place.classList.toggle("pairs", data.pictures.some(one => one.halves));
  place.style.setProperty("--side", `${data.side}px`);
  if (grids.get(root) !== text) {
    grids.set(root, text);
    place.replaceChildren(...data.pictures.map(one => cell(one)));
  }
  [...place.children].forEach((button, k) => {
    const { id } = data.pictures[k];
    button.setAttribute("aria-pressed", id === data.chosen);
    button.onclick = () => setTriggerValue("picked", id);
  });
}

function cell(one) {
  const button = document.createElement("button");
  button.title = one.alt;
  if (one.halves) {
    const pair = document.createElement("span");
    pair.className = "pair";
    pair.append(...one.halves.map(half => {
      const place = document.createElement("span");
      place.append(half.word, ...parts(half));
      return place;
    }));
    button.append(pair);
  } else button.append(...parts(one));
  if (!("url" in one) && !one.halves) button.setAttribute("aria-label", one.alt);
  for (const [kind, words] of [["span", one.caption], ["small", one.note]]) {
    if (!words) continue;
    const line = document.createElement(kind);
    line.textContent = words;
    button.append(line);
  }
  return button;
}

function parts(one) {
  const found = [];
  if (one.row?.length) found.push(row(one.row, "url" in one ? "row" : "row square"));
  if ("url" in one) found.push(image(one.url, one.alt, one.pixelated));
  if (one.more?.length) found.push(row(one.more.map(url => ({ url })), "row"));
  return found;
}

function row(pictures, kind) {
  const place = document.createElement("span");
  place.className = kind;
  place.append(...pictures.map(({ url, pixelated }) => image(url, "", pixelated)));
  return place;
}

function image(url, alt, pixelated) {
  const picture = document.createElement(url ? "img" : "span");
  picture.className = pixelated ? "image pixelated" : "image";
  if (url) Object.assign(picture, { src: url, alt, loading: "lazy" });
  return picture;
}
