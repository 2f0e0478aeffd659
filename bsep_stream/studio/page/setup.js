/* The first room: recording, instruments, training, verdict. */

import { node } from "/page/dom.js";
import { instrumentsCard } from "/page/instruments.js";
import { recordingsCard } from "/page/recordings.js";
import { trainingCard } from "/page/training.js";
import { verdictCard } from "/page/verdict.js";

export function view(store) {
  const recordings = recordingsCard(store);
  const instruments = instrumentsCard(store.session, (session) => store.takeIn(session));
  const training = trainingCard(store);
  const verdict = verdictCard(store);
  const element = node("div", { class: "setup" },
    node("div", { class: "column" }, recordings.element, instruments.element),
    node("div", { class: "column" }, training.element, verdict.element));
  const show = () => {
    const versions = store.news?.stems ?? {};
    const running = store.news?.training.running;
    const begun = running || Object.values(versions).some((each) => Object.keys(each).length);
    recordings.show(begun);
    instruments.lock(Boolean(begun), Boolean(running));
    instruments.show(store.session);
    training.show();
    verdict.show();
  };
  store.addEventListener("session", show);
  let before = null;
  store.addEventListener("news", () => {
    const now = JSON.stringify([store.news.training.running, store.news.stems, store.news.newSolos]);
    if (now !== before) show();
    else (training.show(), verdict.show());
    before = now;
  });
  return { element, show, hide: recordings.hush, leave: recordings.hush };
}
