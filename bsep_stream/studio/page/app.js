/* The front door: which room the address means, the colours, what is wrong if something is. */

import { node, themeColour, toast } from "/page/dom.js";
import * as shared from "/page/shared.js";
import { lobby } from "/page/lobby.js";
import { room } from "/page/room.js";

const root = document.documentElement;
const main = document.getElementById("main");
const place = document.getElementById("place");
const THEMES = { auto: "as the system has them", light: "light", dark: "dark" };
let leave = () => {};

/* "#/" is the lobby; "#/session/tab" a room. A tab that changes keeps its room. */
async function enter() {
  const [name, tab] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  if (location.hash === "#main") return;
  if (name && main.dataset.room === name && main.show) {
    main.show(tab);
    return;
  }
  leave();
  leave = () => {};
  main.show = null;
  main.dataset.room = name || "";
  place.replaceChildren();
  root.dataset.state = "loading";
  try {
    const made = name ? await room(name, tab, place) : await lobby();
    main.replaceChildren(made.element);
    main.show = made.show;
    leave = made.leave;
    root.dataset.state = "ready";
  } catch (error) {
    main.replaceChildren(node("p", { class: "notice", role: "alert" }, error.message), node("p", {}, node("a", { href: "#/" }, "All sessions")));
    root.dataset.state = "failed";
  }
}

function themes() {
  const button = document.getElementById("theme");
  const names = Object.keys(THEMES);
  let current = localStorage.getItem("bsep-theme") ?? "auto";
  const show = () => {
    if (current === "auto") delete root.dataset.theme;
    else root.dataset.theme = current;
    button.textContent = { auto: "◐", light: "☀", dark: "☾" }[current];
    button.title = `Colours: ${THEMES[current]}`;
    button.setAttribute("aria-label", button.title);
    document.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    current = names[(names.indexOf(current) + 1) % names.length];
    localStorage.setItem("bsep-theme", current);
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  if (!(current in THEMES)) current = "auto";
  show();
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
// What is dropped beside a place for it must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
addEventListener("hashchange", enter);
addEventListener("unhandledrejection", (event) => toast(String(event.reason?.message ?? event.reason), "bad"));
globalThis.studio = { shared, themeColour }; // for the tests, and scripts in the console
themes();
enter();
