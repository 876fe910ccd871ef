// What is wrong with how a page lies: text over text, text that is cut off, text too small to read, and legend entries
// without a mark. Returned as sentences.
() => {
  const LEAST = 10, TOUCH = 3;  // pixels of a letter, and by which boxes may overlap
  const main = document.querySelector('.stMain'), found = [], boxes = [];
  const shown = one => one.checkVisibility({opacityProperty: true, visibilityProperty: true});
  const add = (corners, word, size, of) => {
    boxes.push({corners, word, of});
    if (size < LEAST) found.push(`'${word}' is ${size.toFixed(1)} pixels high`);
  };

  for (const text of main.querySelectorAll('svg text')) {
    const word = text.textContent.trim(), style = getComputedStyle(text), m = text.getScreenCTM();
    if (!word || !m || !shown(text) || +style.fillOpacity === 0) continue;
    const {x, y, width, height} = text.getBBox(), above = height * 0.15;  // the box is taller than the letters
    const at = (x, y) => [m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f];
    const [top, low] = [y + above, y + height - above];
    const corners = [at(x, top), at(x + width, top), at(x + width, low), at(x, low)];
    add(corners, word, parseFloat(style.fontSize) * Math.hypot(m.a, m.b), text);
    const frame = text.ownerSVGElement.getBoundingClientRect();
    const beyond = corners.flatMap(([x, y]) => [frame.left - x, x - frame.right, frame.top - y, y - frame.bottom]);
    if (Math.max(...beyond) > TOUCH) found.push(`'${word}' is cut off by its chart`);
  }

  const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const one = node.parentElement, word = node.textContent.trim().slice(0, 60);
    if (!word || one.closest('svg, script, style, [data-testid=stIconMaterial], .katex') || !shown(one)) continue;
    const size = parseFloat(getComputedStyle(one).fontSize), range = document.createRange(), seen = seenPart(one);
    range.selectNodeContents(node);
    for (const line of range.getClientRects()) {
      const left = Math.max(line.left, seen.left), right = Math.min(line.right, seen.right);
      const middle = (line.top + line.bottom) / 2, high = Math.min(line.height, size) / 2;
      const top = Math.max(middle - high, seen.top), low = Math.min(middle + high, seen.bottom);
      if (right - left < 2 || low - top < 2) continue;
      add([[left, top], [right, top], [right, low], [left, low]], word, size, one);
      if (!seen.scrolls && line.width - (right - left) > TOUCH) found.push(`'${word}' is cut off`);
    }
  }

  boxes.forEach((one, k) => boxes.slice(0, k).forEach(other => {
    if (one.of !== other.of && overlap(one.corners, other.corners) > TOUCH)
      found.push(`'${one.word}' lies over '${other.word}'`);
  }));
  for (const mark of main.querySelectorAll('svg .role-legend-symbol path')) {
    if (!shown(mark)) continue;  // of a tab that was just left
    const style = getComputedStyle(mark), box = mark.getBoundingClientRect();
    const filled = style.fill !== 'none' && style.fillOpacity > 0.1;
    const drawn = style.stroke !== 'none' && style.strokeOpacity > 0.1 && parseFloat(style.strokeWidth) > 0;
    if (!(box.width > 2 && style.opacity > 0.15 && (filled || drawn))) found.push(`a legend entry has no mark: ${mark.outerHTML.slice(0, 200)}`);
  }
  return [...new Set(found)];

  function seenPart(one) {  // the part of the page in which a text is seen; what scrolls is seen in time
    const part = {left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity, scrolls: false};
    for (let place = one; place !== main; place = place.parentElement) {
      const style = getComputedStyle(place);
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const box = place.getBoundingClientRect();
      part.scrolls ||= /auto|scroll/.test(style.overflowX);
      for (const side of ['left', 'top']) part[side] = Math.max(part[side], box[side]);
      for (const side of ['right', 'bottom']) part[side] = Math.min(part[side], box[side]);
    }
    return part;
  }

  function overlap(one, other) {  // of two turned boxes: the least along any of their sides' directions
    return Math.min(...[one, other].flatMap(([first, second, third]) => [[first, second], [second, third]]).map(
      ([[x0, y0], [x1, y1]]) => {
        const long = Math.hypot(x1 - x0, y1 - y0) || 1, [a, b] = [(y0 - y1) / long, (x1 - x0) / long];
        const [p, q] = [one, other].map(box => box.map(([x, y]) => x * a + y * b));
        return Math.min(Math.max(...p), Math.max(...q)) - Math.max(Math.min(...p), Math.min(...q));
      }));
  }
}
