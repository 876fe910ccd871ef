// A grid of pictures, each a button.
//
// data: {pictures: [{id, url, alt, caption, note, row: [{url, pixelated}]}], side: pixels, chosen: an id}; where there
// is no `url`, the row is all there is; where it is null, a gray square stands for it
// trigger sent back: picked (an id)
const grids = new WeakMap();

export default function ({ parentElement: root, data, setTriggerValue }) {
  const place = root.querySelector(".lab"), text = JSON.stringify(data.pictures);
  place.classList.add("grid");
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
  if (one.row?.length) {
    const row = document.createElement("span");
    row.className = "url" in one ? "row" : "row square";
    row.append(...one.row.map(({ url, pixelated }) => image(url, "", pixelated)));
    button.append(row);
  }
  if ("url" in one) button.append(image(one.url, one.alt, one.pixelated));
  else button.setAttribute("aria-label", one.alt);
  for (const [kind, words] of [["span", one.caption], ["small", one.note]]) {
    if (!words) continue;
    const line = document.createElement(kind);
    line.textContent = words;
    button.append(line);
  }
  return button;
}

function image(url, alt, pixelated) {
  const picture = document.createElement(url ? "img" : "span");
  picture.className = pixelated ? "image pixelated" : "image";
  if (url) Object.assign(picture, { src: url, alt, loading: "lazy" });
  return picture;
}
