// Clicks on what a page shows as HTML: an element with the attribute data-layer stands for that layer.
//
// data: {within: the class of the container that holds the HTML}
// trigger sent back: layer (a name)
const listening = new WeakMap();

export default function ({ parentElement: root, data, setTriggerValue }) {
  const pick = ({ target }) => {
    const found = target.closest?.(`.${data.within} [data-layer]`);
    if (found && !target.closest("summary, a, button")) setTriggerValue("layer", found.dataset.layer);
  };
  document.removeEventListener("click", listening.get(root));
  listening.set(root, pick);
  document.addEventListener("click", pick);
  return () => document.removeEventListener("click", pick);
}
