/* Live: the engine on the devices of the machine where the studio runs. */

import { get, listen, post } from "/page/api.js";
import { button, decibels, node, shownName, toast, trying } from "/page/dom.js";
import { Rack } from "/page/rack.js";
import { effectsPanel } from "/page/effects.js";

const LATENCY_WORDS = { live: "live: 21 ms and the devices", balanced: "balanced: 75 ms", quality: "quality: 171 ms" };
const METER_DB = 48;

export function view(store) {
  const element = node("div", { class: "live" });
  const rack = new Rack(store);
  let [end, parts] = [null, null];
  const order = (values) => trying(() => post(store.path("/live"), values));

  const show = async () => {
    if (!store.news.model) {
      element.replaceChildren(node("section", { class: "card nothing" }, node("h2", {}, "No model yet"),
        node("p", {}, "When the training has ended, the model separates live: from a microphone to your headphones, with your effects."),
        node("a", { class: "primary", href: `#/${encodeURIComponent(store.name)}/session` }, "To the training")));
      return;
    }
    if (!parts) {
      await rack.load();
      const { devices, reason, latencies } = await get("/api/live/devices");
      parts = build(store, rack, order, devices, reason, latencies);
    }
    element.replaceChildren(parts.element);
    end ??= listen("/api/live/events", (status) => parts.say(status));
  };
  const hide = () => {
    end?.();
    end = null;
  };
  store.addEventListener("news", ({ before }) => element.isConnected && !parts && store.news.model && before && !before.model && show());
  return { element, show, hide, leave: hide };
}

function build(store, rack, order, devices, reason, latencies) {
  const pick = (label, kind) => {
    const able = devices.filter((device) => device[`${kind}s`] > 0);
    return node("select", { "aria-label": label, disabled: !able.length }, ...able.map((device) => node("option", { value: device.number, selected: device[`default_${kind}`] }, device.name)));
  };
  const input = pick("Input", "input");
  const output = pick("Output", "output");
  const latency = node("select", { "aria-label": "Latency" }, ...latencies.map((each) => node("option", { value: each }, LATENCY_WORDS[each] ?? each)));
  const buffers = node("select", { "aria-label": "Buffers of the devices" }, node("option", { value: "low" }, "small buffers"), node("option", { value: "high" }, "large buffers (PulseAudio)"));
  const start = button("Start", () => order({ do: "start", input: input.value || null, output: output.value || null, latency: latency.value, device_latency: buffers.value }), { kind: "primary", icon: "mic" });
  const stop = button("Stop", () => order({ do: "stop" }), { kind: "danger" });
  const record = button("Record", () => order({ do: "record", on: record.getAttribute("aria-pressed") !== "true" }), { "aria-pressed": "false" });
  const bypass = button("Bypass", () => order({ do: "move", bypass: bypass.getAttribute("aria-pressed") !== "true" }), { "aria-pressed": "false" });
  const wet = node("input", { type: "range", min: 0, max: 1, step: 0.01, value: 1, "aria-label": "Wet: share of the separated sound", oninput: () => order({ do: "move", wet: Number(wet.value) }) });
  const numbers = node("dl", { class: "numbers" });
  const events = node("ol", { class: "events", "aria-label": "Events" });
  const failure = node("p", { class: "warning", role: "alert" });
  const meters = {};
  const meter = (name, label, index = -1) => {
    const bar = node("div", { class: "meter tall", "aria-hidden": "true" }, node("div"));
    bar.style.setProperty("--track", index < 0 ? "var(--grey)" : `var(--source-${(index % 4) + 1})`);
    meters[name] = bar;
    return node("div", { class: "meter-row" }, node("span", {}, label), bar);
  };
  const names = [...store.session.sources.map(({ name }) => name), "residual"];
  const strips = names.map((name, index) => strip(name, index < names.length - 1 ? index : -1, order, meter, rack));
  const setup = node("section", { class: "card", "aria-label": "Devices" }, node("h2", {}, "Devices"),
    ...(devices.length ? [] : [node("p", { class: "warning" }, reason ?? "This machine has no sound devices. Plug one in, or start a sound server (PulseAudio, PipeWire, JACK), and load the page again.")]),
    node("div", { class: "fields" }, node("label", { class: "field" }, "From ", input), node("label", { class: "field" }, "To ", output), node("label", { class: "field" }, "Latency ", latency), node("label", { class: "field" }, "Devices with ", buffers)),
    node("div", { class: "row" }, start, stop), failure,
    node("p", { class: "hint" }, "It plays on the machine where the studio runs. Use headphones: a microphone that hears its own loudspeaker howls."));
  start.disabled = !devices.length;
  const desk = node("section", { class: "card stage", "aria-label": "Stage" }, node("h2", {}, "Stage"),
    node("div", { class: "row" }, record, bypass, node("label", { class: "field" }, "Wet ", wet)),
    meter("input", "Input"), ...strips.map(({ element }) => element), meter("mix", "Out"), numbers, events);
  const element = node("div", { class: "setup" }, node("div", { class: "column" }, setup), node("div", { class: "column" }, desk));

  const say = (status) => {
    const { playing, counters } = status;
    start.hidden = playing;
    stop.hidden = !playing;
    failure.textContent = status.failure ?? "";
    failure.hidden = !status.failure;
    for (const part of [record, bypass, wet]) part.disabled = !playing;
    desk.classList.toggle("off", !playing);
    if (record.getAttribute("aria-pressed") === "true" && !status.recording) toast("Recorded: every stem, input and mix lie in the folder live of the session.");
    record.setAttribute("aria-pressed", Boolean(status.recording));
    record.classList.toggle("recording", Boolean(status.recording));
    bypass.setAttribute("aria-pressed", Boolean(status.bypass));
    const levels = playing ? { ...status.stems, input: status.input, mix: status.mix } : {};
    for (const [name, bar] of Object.entries(meters)) bar.style.setProperty("--peak", Math.min(1, Math.max(0, 1 + (20 * Math.log10(Math.max(levels[name] ?? 0, 1e-6))) / METER_DB)));
    strips.forEach((each) => each.say(status.strips?.[each.name]));
    if (!counters) return;
    const rows = [
      ["Sound", status.bridging ? "bridged with the input" : status.bypass ? "bypass" : playing ? "separated" : "stopped"],
      ["Latency", `${status.latency_ms.toFixed(1)} ms`],
      ["A hop takes (p99)", `${counters.p99_ms.toFixed(1)} of ${status.hop_ms.toFixed(1)} ms`],
      ["Underruns", counters.underruns], ["Late hops", counters.late_hops], ["Dropped samples", counters.dropped_samples],
    ];
    numbers.replaceChildren(...rows.flatMap(([word, value]) => [node("dt", {}, word), node("dd", {}, `${value}`)]));
    events.replaceChildren(...status.events.slice(-5).map((line) => node("li", {}, line)));
  };
  return { element, say };
}

function strip(name, index, order, meter, rack) {
  const label = shownName(name);
  let now = { gain_db: 0, mute: false, solo: false };
  const press = (letter, verb) => node("button", { type: "button", class: `toggle ${verb}`, "aria-pressed": "false", "aria-label": `${verb === "mute" ? "Mute" : "Solo"} ${label}`, onclick: () => order({ do: "move", [verb]: [name, !now[verb]] }) }, letter);
  const [mute, solo] = [press("M", "mute"), press("S", "solo")];
  const text = node("span", { class: "db" });
  const fader = node("input", { type: "range", class: "fader", min: -48, max: 6, step: 0.5, value: 0, "aria-label": `Level of ${label}`, oninput: () => {
    const gain = Number(fader.value);
    text.textContent = decibels(gain);
    order({ do: "move", gain: [name, gain > -48 ? gain : -120] });
  } });
  const effects = node("details", {}, node("summary", {}, "Effects"), effectsPanel(rack, name, () => {}));
  const element = node("div", { class: "live-strip" }, meter(name, label, index), node("div", { class: "row" }, mute, solo, fader, text), effects);
  const say = (values) => {
    if (!values) return;
    now = values;
    mute.setAttribute("aria-pressed", values.mute);
    solo.setAttribute("aria-pressed", values.solo);
    if (document.activeElement !== fader) fader.value = Math.max(-48, values.gain_db);
    text.textContent = decibels(Math.max(-48, values.gain_db));
  };
  return { name, element, say };
}
