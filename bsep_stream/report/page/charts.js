/* Bars and curves as SVG, drawn for the width that they have: their letters are as large as those of the page. */

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/* draw(width) gives the children of a picture of that width; it is drawn anew when the width changes. */
function chart(label, height, draw) {
  const picture = svg("svg", { role: "img", "aria-label": label, class: "chart", height });
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (!width || width === drawn) return;
    drawn = width;
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.replaceChildren(...draw(width, height));
  }).observe(picture);
  return picture;
}

const MARGIN = { left: 54, right: 10, top: 10, bottom: 24 };

function gridLine(width, y, label) {
  return [
    svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y, class: "grid" }),
    svg("text", { x: MARGIN.left - 6, y: y + 4, class: "label end" }, label),
  ];
}

/* Harmonics of one instrument, in dB below the loudest. */
function barChart({ name, decibels }, colour) {
  const floor = -60;
  const loudest = decibels.indexOf(Math.max(...decibels)) + 1;
  const label = `Harmonics of ${name}: ${decibels.length} bars, the loudest is harmonic ${loudest}`;
  return chart(label, 190, (width, height) => {
    const bottom = height - MARGIN.bottom;
    const place = (value) => MARGIN.top + (Math.min(0, value) / floor) * (bottom - MARGIN.top);
    const step = (width - MARGIN.left - MARGIN.right) / decibels.length;
    const parts = [0, -20, -40, -60].flatMap((value) => gridLine(width, place(value), value ? `${value}` : "0 dB"));
    decibels.forEach((value, i) => {
      const harmonic = i + 1;
      const x = MARGIN.left + (i + 0.14) * step;
      const top = place(Math.max(value, floor));
      const bar = svg("rect", { x, y: top, width: step * 0.72, height: bottom - top, rx: Math.min(2, step / 4) });
      bar.style.fill = colour;
      bar.append(svg("title", {}, `harmonic ${harmonic}: ${value.toFixed(1)} dB`));
      parts.push(bar);
      if (harmonic === 1 || harmonic % 5 === 0) {
        const label = svg("text", { x: x + step * 0.36, y: height - 7, class: "label middle" }, `${harmonic}`);
        parts.push(label);
      }
    });
    return parts;
  });
}

/* curves: [{name, x, y, medianX, medianY, colour}]; logarithmic, or percent. */
function curveChart(label, curves, { percent = false } = {}) {
  const xs = curves.flatMap(({ medianX, x }) => [...medianX, ...x]);
  const ys = curves.flatMap(({ medianY }) => medianY).filter((y) => percent || y > 0);
  const last = Math.max(...xs, 1);
  const level = percent ? (y) => y : Math.log10;
  const low = percent ? Math.min(0, ...ys) : Math.floor(level(Math.min(...ys)) * 2) / 2;
  const high = percent ? 1 : Math.max(low + 0.5, Math.ceil(level(Math.max(...ys)) * 2) / 2);
  return chart(label, 260, (width, height) => {
    const bottom = height - MARGIN.bottom;
    const px = (x) => MARGIN.left + (x / last) * (width - MARGIN.left - MARGIN.right);
    const py = (y) => bottom - ((Math.max(low, Math.min(high, level(y))) - low) / (high - low)) * (bottom - MARGIN.top);
    const ticks = percent ? [0, 0.25, 0.5, 0.75, 1] : powers(low, high);
    const parts = ticks.flatMap((y) => gridLine(width, py(y), percent ? `${100 * y} %` : `${y}`));
    const steps = Math.max(2, Math.min(6, Math.floor(width / 110)));
    for (let i = 0; i <= steps; i++) {
      const x = Math.round((last * i) / steps);
      const anchor = i === steps ? "end" : "middle";
      parts.push(svg("text", { x: px(x), y: height - 7, class: `label ${anchor}` }, x.toLocaleString("en")));
    }
    const path = (x, y) => x.map((each, i) => `${i ? "L" : "M"}${px(each).toFixed(1)},${py(y[i]).toFixed(1)}`).join("");
    for (const [kind, xName, yName] of [
      ["faint", "x", "y"],
      ["bold", "medianX", "medianY"],
    ]) {
      for (const curve of curves) {
        const line = svg("path", { d: path(curve[xName], curve[yName]), class: `curve ${kind}` });
        line.style.stroke = curve.colour;
        parts.push(line);
      }
    }
    return parts;
  });
}

/* 1, 2 and 5 of every power of ten between two logarithms; fewer, if there are many. */
function powers(low, high) {
  const factors = high - low > 3 ? [1] : high - low > 1.5 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const factor of factors) {
      const value = Number((factor * 10 ** power).toPrecision(1));
      if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) ticks.push(value);
    }
  }
  return ticks;
}
