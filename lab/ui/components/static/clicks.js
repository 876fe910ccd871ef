// Clicks on what a page shows as HTML: an element with the attribute data-layer stands for that layer, and a picture
// that can be focused (tabindex) is shown large.
//
// data: {within: the class of the container that holds the HTML}
// trigger sent back: layer (a name)
const listening = new WeakMap();

export default function ({ parentElement: root, data, setTriggerValue }) {
  const pick = event => {
    const { target } = event;
    if (!target.closest?.(`.${data.within}`)) return;
    if (event.type === "keydown" && (event.key !== "Enter" || target.tagName !== "IMG")) return;
    if (target.matches("img[tabindex]")) enlarge(target);
    const found = target.closest("[data-layer]");
    if (found && !target.closest("summary, a, button")) setTriggerValue("layer", found.dataset.layer);
  };
  listening.get(root)?.();
  const kinds = ["click", "keydown"];
  kinds.forEach(kind => document.addEventListener(kind, pick));
  const end = () => kinds.forEach(kind => document.removeEventListener(kind, pick));
  listening.set(root, end);
  return end;
}

function enlarge(picture) {
  const dialog = document.createElement("dialog"), words = document.createElement("p");
  const large = picture.cloneNode();
  large.removeAttribute("tabindex");
  words.textContent = picture.alt;
  dialog.className = "lab-enlarged";
  dialog.append(large, words);
  dialog.onclick = () => dialog.close();
  dialog.onclose = () => { dialog.remove(); picture.focus(); };
  document.querySelector(".stApp").append(dialog);
  dialog.showModal();
}
