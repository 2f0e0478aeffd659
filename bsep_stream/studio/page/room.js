/* A session: its tabs, and the news of the server that all of them share. */

import { get, listen, put, sessionPath } from "/page/api.js";
import { node, toast, trying } from "/page/dom.js";
import { chip } from "/page/lobby.js";

const TABS = [
  ["session", "Session", () => import("/page/setup.js")],
  ["listen", "Listen", () => import("/page/listen.js")],
  ["correct", "Correct", () => import("/page/correct.js")],
  ["home", "Take home", () => import("/page/takehome.js")],
  ["live", "Live", () => import("/page/live.js")],
];

/* What the tabs of a session share. News: {training, stems, notes, verdict, model, ...}, see routes/session.py. */
class Store extends EventTarget {
  constructor(session) {
    super();
    this.session = session;
    this.news = null;
    this.take = session.takes[0]?.take ?? null;
    this.wish = null; // a passage that somebody wants to hear
  }

  get name() {
    return this.session.name;
  }

  /* The best stems that there are of a take, or those that were chosen. */
  version(take = this.take) {
    const there = this.news?.stems[take] ?? {};
    if (this.chosen && there[this.chosen]) return this.chosen;
    return there.learned ? "learned" : there.first ? "first" : null;
  }

  stamp(version, take = this.take) {
    return this.news?.stems[take]?.[version] ?? 0;
  }

  path(rest = "") {
    return sessionPath(this.name, rest);
  }

  tell(news) {
    const before = this.news;
    this.news = news;
    this.dispatchEvent(Object.assign(new Event("news"), { before }));
  }

  async refresh() {
    this.takeIn(await get(this.path()));
  }

  takeIn(session) {
    this.session = session;
    if (!this.session.takes.some(({ take }) => take === this.take)) this.take = this.session.takes[0]?.take ?? null;
    this.dispatchEvent(new Event("session"));
  }
}

export async function room(name, tab, place) {
  const store = new Store(await get(sessionPath(name)));
  const title = node("input", { class: "title", value: store.session.title, maxlength: 120, "aria-label": "Title of the session", spellcheck: false,
    onchange: async () => {
      const saved = await trying(() => put(store.path(), { title: title.value }));
      title.value = (saved ?? store.session).title;
      document.title = `${title.value} · bsep studio`;
    },
    onkeydown: (event) => event.key === "Enter" && title.blur() });
  document.title = `${store.session.title} · bsep studio`;
  const state = node("span", { class: "state" });
  place.append(title, state);

  const links = TABS.map(([id, label]) => {
    const link = node("a", { href: `#/${encodeURIComponent(name)}/${id}` }, label);
    link.dataset.tab = id;
    return link;
  });
  const tabs = node("nav", { class: "tabs", "aria-label": "Rooms of the session" }, ...links);
  const panel = node("div", { id: "panel", class: "panel" });
  const lost = node("p", { class: "notice lost", role: "status", hidden: true });
  const element = node("div", { class: "room" }, lost, tabs, panel);
  const [views, loading] = [{}, {}];
  let [shown, turn] = [null, 0];

  const show = async (wanted) => {
    const id = TABS.some(([each]) => each === wanted) ? wanted : "session";
    shown?.hide?.();
    shown = null;
    for (const link of links) {
      if (link.dataset.tab === id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    links.find((link) => link.dataset.tab === id).scrollIntoView({ block: "nearest", inline: "nearest" });
    panel.dataset.tab = id;
    delete panel.dataset.ready;
    const mine = (turn += 1);
    const load = TABS.find(([each]) => each === id)[2];
    loading[id] ??= load().then((module) => (views[id] = module.view(store)));
    const view = await loading[id];
    if (mine !== turn) return; // somebody has gone on to another room
    panel.replaceChildren(view.element);
    shown = view;
    await view.show?.();
    if (mine === turn) panel.dataset.ready = id;
    else if (shown !== view) view.hide?.();
  };

  const onNews = ({ before }) => {
    const { training, stems } = store.news;
    state.replaceChildren(chip(training.phase));
    const has = (version, news) => news && Object.values(news.stems).some((each) => each[version]);
    for (const link of links) {
      const needs = { listen: has("first", store.news) || has("learned", store.news), correct: has("first", store.news), home: has("first", store.news) || has("learned", store.news), live: Boolean(store.news.model) };
      link.classList.toggle("early", needs[link.dataset.tab] === false);
    }
    if (!before) return;
    const listenNow = { label: "Listen", run: () => (store.chosen = null, (location.hash = `#/${encodeURIComponent(name)}/listen`)) };
    if (has("first", store.news) && !has("first", before)) toast("First stems are here.", "good", listenNow);
    const newer = Object.keys(stems).some((take) => stems[take].learned && stems[take].learned !== before.stems[take]?.learned);
    if (newer) toast("Better stems are here: the training has ended.", "good", listenNow);
    if (training.phase === "failed" && before.training.phase !== "failed") toast(training.message ?? "The training failed.", "bad");
  };
  store.addEventListener("news", onNews);
  const end = listen(store.path("/events"), (news) => {
    lost.hidden = true;
    const changed = store.news && news.about !== store.news.about;
    store.tell(news);
    if (changed) trying(() => store.refresh());
  }, (forGood) => {
    lost.hidden = false;
    state.replaceChildren();
    lost.textContent = forGood
      ? "The studio was started anew: go on with the link that it shows in its terminal. Nothing is lost."
      : "The studio does not answer: it was closed, or its machine sleeps. Start it again; a training that was at work has saved itself.";
  });
  const leave = () => {
    end();
    for (const view of Object.values(views)) view.leave?.();
  };
  await new Promise((resolve) => store.addEventListener("news", resolve, { once: true }));
  globalThis.studio.store = store;
  await show(tab);
  return { element, show, leave };
}
