/* All sessions; a new one begins with a recording that is dropped. */

import { get, post, remove, sessionPath } from "/page/api.js";
import { button, colour, confirmed, glyph, iconButton, node, shownName, trying, when } from "/page/dom.js";
import { ACCEPTED, dropZone, uploadAll } from "/page/recordings.js";
import { pickInto, shelf } from "/page/shelf.js";

const WORDS = {
  new: "not begun", starting: "starting", listening: "listening", "first stems": "first stems", learning: "learning",
  writing: "finishing", paused: "paused", done: "ready", failed: "needs a look",
};
const BUSY = ["starting", "listening", "first stems", "learning", "writing"];

export async function lobby() {
  document.title = "bsep studio";
  const list = node("div", { class: "sessions" });
  const element = node("div", { class: "lobby" });
  let shown = null;
  const refresh = async () => {
    const { folder, sessions } = await get("/api/sessions");
    const now = JSON.stringify(sessions);
    if (now === shown) return; // whoever goes through the list by keys keeps his place
    shown = now;
    list.replaceChildren(...sessions.map((session) => tile(session, refresh)));
    element.querySelector(".where").replaceChildren(
      sessions.length ? "All of it lies in " : "Sessions will lie in ", node("code", {}, folder));
    element.classList.toggle("empty", sessions.length === 0);
  };
  element.append(
    node("section", { class: "hero" },
      node("h1", {}, "One recording in. Every instrument out."),
      node("p", {}, "Drop a recording of two to four instruments. The studio learns from it alone, on this machine, and gives you each of them."),
      dropZone((files) => begin(files), { big: true }),
      node("div", { class: "or" },
        button("Try it with the demo duet", () => trying(async () => go((await post("/api/demo")).name)), { icon: "spark" }),
        node("span", { class: "formats" }, ACCEPTED.words)),
      shelf((path) => beginWith(path, (name) => pickInto(name, path)))),
    node("section", { class: "shelf", "aria-label": "Sessions" }, node("h2", {}, "Sessions"), list, node("p", { class: "where hint" })),
  );
  await refresh();
  const timer = setInterval(() => document.hidden || refresh().catch(() => {}), 4000);
  return { element, show: null, leave: () => clearInterval(timer) };
}

export function go(name, tab = "session") {
  location.hash = `#/${encodeURIComponent(name)}/${tab}`;
}

const begin = (files) => beginWith(files[0].name, (name) => uploadAll(name, files));

/* A session that is called like a file; bring says whether it got a recording. */
async function beginWith(file, bring) {
  await trying(async () => {
    const title = file.split("/").at(-1).replace(/\.[^.]*$/, "").replaceAll("_", " ").slice(0, 100) || "Session";
    const { name } = await post("/api/sessions", { title });
    if (await trying(() => bring(name))) go(name);
    else await remove(sessionPath(name));
  });
}

function tile(session, refresh) {
  const { name, title, sources, phase, created, recordings } = session;
  const away = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (await confirmed(`Delete “${title}” with its recordings, stems and model?`, "Delete")) {
      await trying(() => remove(sessionPath(name)));
      await refresh();
    }
  };
  const players = sources.map((source, index) => {
    const dot = node("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = colour(index);
    return node("li", {}, dot, shownName(source.name));
  });
  return node("article", { class: "tile" },
    node("a", { href: `#/${encodeURIComponent(name)}/session` },
      node("h3", {}, title),
      node("ul", { class: "players" }, ...(players.length ? players : [node("li", { class: "hint" }, `${recordings.length} recording${recordings.length === 1 ? "" : "s"}`)])),
      node("p", { class: "foot" }, chip(phase), node("time", {}, when(created)))),
    iconButton("trash", `Delete ${title}`, away, "bare corner"));
}

export function chip(phase) {
  const busy = BUSY.includes(phase);
  return node("span", { class: `chip ${busy ? "busy" : phase}` }, ...(busy ? [node("span", { class: "pulse" })] : phase === "done" ? [glyph("spark")] : []), WORDS[phase] ?? phase);
}
