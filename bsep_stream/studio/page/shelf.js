/* Recordings that lie in the folder of the studio: picked without a way through the browser. */

import { encoded, get, post, sessionPath } from "/page/api.js";
import { button, glyph, node, trying, when } from "/page/dom.js";

/* A list to be opened; onPick gets the path of a recording. Hidden where the folder has none. */
export function shelf(onPick) {
  const label = node("span", {});
  const list = node("ul", { class: "shelf-list" });
  const more = node("p", { class: "hint", hidden: true }, "There are more: only the newest are shown.");
  const element = node("details", { class: "from-folder", hidden: true }, node("summary", {}, glyph("folder"), label), list, more);
  let shown = null;
  const show = async () => {
    const found = await trying(() => get("/api/shelf"));
    const now = JSON.stringify(found);
    if (!found || now === shown) return; // nothing moves away below a finger
    shown = now;
    const n = found.recordings.length;
    element.hidden = n === 0;
    label.textContent = `Or pick from the folder of the studio (${n})`;
    more.hidden = !found.more;
    list.replaceChildren(...found.recordings.map(({ path, bytes, changed }) => {
      const pick = button("", async () => {
        pick.disabled = true;
        await onPick(path);
        pick.disabled = false;
      }, { kind: "shelf-item" });
      pick.append(node("b", {}, path), node("small", {}, `${size(bytes)} · ${when(changed)}`));
      return node("li", {}, pick);
    }));
  };
  element.addEventListener("toggle", () => element.open && show());
  show();
  return element;
}

/* A copy becomes a recording of the session. */
export const pickInto = (session, path) => post(sessionPath(session, `/recordings?pick=${encoded(path)}`));

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
