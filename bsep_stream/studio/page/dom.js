/* Small parts of every room: icons, toasts, questions, numbers in words. */

import { LOWEST_DB, node, shownName, clockText } from "/page/shared.js";

export { node, shownName, clockText };

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  up: "M6 14l6-6 6 6",
  down: "M6 10l6 6 6-6",
  trash: "M5 7h14M9 7V5h6v2M7 7l1 12h8l1-12",
  loop: "M4 12a6 6 0 016-6h7m-3-3l3 3-3 3M20 12a6 6 0 01-6 6H7m3 3l-3-3 3-3",
  zoomin: "M11 5a6 6 0 100 12 6 6 0 000-12zM16 16l4 4M11 8v6M8 11h6",
  zoomout: "M11 5a6 6 0 100 12 6 6 0 000-12zM16 16l4 4M8 11h6",
  whole: "M4 12h16M8 8l-4 4 4 4M16 8l4 4-4 4",
  download: "M12 4v11m-4-4l4 4 4-4M5 20h14",
  undo: "M9 7L4 12l5 5M4 12h10a5 5 0 010 10",
  swap: "M7 4v15m-3-3l3 3 3-3M17 20V5m-3 3l3-3 3 3",
  mic: "M12 4a3 3 0 013 3v4a3 3 0 01-6 0V7a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v3",
  folder: "M4 7h6l2 2h8v10H4z",
  drop: "M12 16V4m-5 5l5-5 5 5M5 16v4h14v-4",
  spark: "M12 4l1.8 6.2L20 12l-6.2 1.8L12 20l-1.8-6.2L4 12l6.2-1.8z",
};

export function glyph(name) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  picture.classList.add("glyph");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  picture.append(path);
  return picture;
}

export function button(label, onclick, { kind = "quiet", icon = null, title = null, ...rest } = {}) {
  const parts = icon ? [glyph(icon), ...(label ? [label] : [])] : [label];
  return node("button", { type: "button", class: kind, onclick, title, ...rest }, ...parts);
}

/* Only an icon; its name is for screen readers and as a hint. */
export function iconButton(name, label, onclick, kind = "quiet round") {
  return button("", onclick, { kind, icon: name, title: label, "aria-label": label });
}

/* Runs something that the server may refuse; its sentence becomes a toast. */
export async function trying(work, failed = null) {
  try {
    return await work();
  } catch (error) {
    if (error.name === "AbortError") return failed;
    toast(error.message, "bad");
    if (error.constructor.name !== "Refused") throw error;
    return failed;
  }
}

const TOAST_MS = 7000;

export function toast(text, kind = "good", action = null) {
  const close = () => element.remove();
  const element = node("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" }, node("span", {}, text));
  if (action) element.append(button(action.label, () => (close(), action.run()), { kind: "link" }));
  element.append(iconButton("close", "Close this message", close, "bare"));
  const place = document.getElementById("toasts");
  [...place.children].filter((each) => each.firstChild.textContent === text).forEach((each) => each.remove());
  place.append(element);
  while (place.children.length > 4) place.firstChild.remove();
  setTimeout(close, kind === "bad" ? 2 * TOAST_MS : TOAST_MS);
}

/* A question that must be answered before something is lost. */
export function confirmed(question, yes) {
  return new Promise((resolve) => {
    const answer = (value) => (dialog.close(), dialog.remove(), resolve(value));
    const dialog = node("dialog", { class: "question", "aria-label": question, oncancel: () => answer(false) },
      node("p", {}, question),
      node("div", { class: "row-end" }, button("No", () => answer(false)), button(yes, () => answer(true), { kind: "danger" })));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function card(title, ...children) {
  return node("section", { class: "card", "aria-label": title }, node("h2", {}, title), ...children);
}

export function colour(index) {
  return `var(--source-${(index % 4) + 1})`;
}

const colours = new Map(); // to ask the browser for one while the page changes costs a look at all of its styles
document.addEventListener("theme", () => colours.clear());

export function themeColour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colours.get(name);
}

/* A canvas of so many pixels; one that has them keeps its memory. */
export function fit(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

export function inWords(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 5) return "a moment";
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}

export function decibels(value) {
  return value <= LOWEST_DB ? "−∞ dB" : `${value.toFixed(1).replace("-", "−")} dB`;
}

/* Calls at most once in so many milliseconds, the last time for sure. */
export function calm(work, milliseconds) {
  let timer = null;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}

export function when(seconds) {
  const date = new Date(1000 * seconds);
  const today = new Date().toDateString() === date.toDateString();
  return new Intl.DateTimeFormat("en", today ? { timeStyle: "short" } : { dateStyle: "medium" }).format(date);
}
