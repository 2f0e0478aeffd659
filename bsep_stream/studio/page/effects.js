/* Effects of a strip: a small panel for each, with sliders in their units; heard while they move. */

import { iconButton, node, shownName } from "/page/dom.js";

const STEPS = 400;

/* Panel of a strip ("master" too); onChange after every move. */
export function effectsPanel(rack, name, onChange) {
  const strip = () => rack.strip(name);
  const pedals = node("div", { class: "pedals" });
  const menu = node("select", { class: "add-effect", "aria-label": `Add an effect to ${shownName(name)}`, onchange: () => {
    if (!menu.value) return;
    strip().effects.push({ type: menu.value });
    menu.value = "";
    changed(true);
    pedals.lastElementChild?.scrollIntoView?.({ block: "nearest", inline: "nearest", behavior: "smooth" });
  } }, node("option", { value: "" }, "+ Add an effect"), ...rack.effects.map(({ type, words }) => node("option", { value: type }, `${spaced(type)} · ${words}`)));
  const element = node("div", { class: "effects", role: "group", "aria-label": `Effects of ${shownName(name)}` }, pedals, menu);

  const changed = (structure = false) => {
    if (structure) show();
    rack.changed();
    onChange();
  };
  const show = () => {
    pedals.replaceChildren(...strip().effects.map((effect, place) => pedal(rack, strip(), effect, place, changed)));
  };
  rack.addEventListener("load", show);
  show();
  return element;
}

function spaced(type) {
  return type.replace(/([a-z])([A-Z])/g, "$1 $2");
}

function pedal(rack, strip, effect, place, changed) {
  const about = rack.effects.find(({ type }) => type === effect.type);
  const move = (step) => {
    strip.effects.splice(place, 1);
    strip.effects.splice(place + step, 0, effect);
    changed(true);
  };
  const away = () => {
    strip.effects.splice(place, 1);
    changed(true);
  };
  const label = spaced(effect.type);
  const many = (about?.parameters.length ?? 0) > 3;
  return node("section", { class: `pedal ${many ? "wide" : ""}`, "aria-label": label },
    node("header", {}, node("h4", {}, label),
      iconButton("up", `${label} earlier`, () => move(-1), `bare left ${place ? "" : "ghost"}`),
      iconButton("close", `Remove ${label}`, away, "bare")),
    ...(about?.parameters ?? []).map((parameter) => knob(effect, parameter, () => changed())));
}

function knob(effect, parameter, changed) {
  const { name, kind, unit } = parameter;
  const words = name.replace(new RegExp(`_(hz|db|ms|seconds)$`), "").replace("_frequency", "").replaceAll("_", " ");
  if (kind === "flag") {
    const box = node("input", { type: "checkbox", checked: effect[name] ?? parameter.default, onchange: () => ((effect[name] = box.checked), changed()) });
    return node("label", { class: "knob check" }, box, words);
  }
  if (kind === "choice") {
    const menu = node("select", { "aria-label": words, onchange: () => ((effect[name] = menu.value), changed()) },
      ...parameter.names.map((each) => node("option", { value: each, selected: each === (effect[name] ?? parameter.default) }, each)));
    return node("label", { class: "knob" }, node("span", {}, words), menu);
  }
  const { low, high, log } = parameter;
  const toPlace = (value) => STEPS * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const toValue = (place) => (log ? low * (high / low) ** (place / STEPS) : low + (place / STEPS) * (high - low));
  const shown = node("output", {});
  const say = (value) => {
    const text = inUnits(value, unit);
    shown.value = text;
    slider.setAttribute("aria-valuetext", text);
  };
  const slider = node("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": `${words} of ${spaced(effect.type)}`, oninput: () => {
    const value = rounded(toValue(Number(slider.value)), low, high);
    effect[name] = value;
    say(value);
    changed();
  }, ondblclick: () => {
    delete effect[name];
    slider.value = toPlace(parameter.default);
    say(parameter.default);
    changed();
  } });
  slider.dataset.parameter = name;
  const value = Math.min(high, Math.max(low, effect[name] ?? parameter.default));
  slider.value = toPlace(value);
  say(effect[name] ?? parameter.default);
  return node("label", { class: "knob" }, node("span", {}, words), shown, slider);
}

function rounded(value, low, high) {
  return Math.min(high, Math.max(low, Number(value.toPrecision(4))));
}

export function inUnits(value, unit) {
  const minus = (text) => text.replace("-", "−");
  if (unit === "Hz") return value >= 1000 ? `${(value / 1000).toPrecision(3)} kHz` : `${value < 10 ? value.toPrecision(2) : Math.round(value)} Hz`;
  if (unit === "dB") return minus(`${value.toFixed(1)} dB`);
  if (unit === "ms") return `${value < 10 ? value.toPrecision(2) : Math.round(value)} ms`;
  if (unit === "s") return `${value.toPrecision(2)} s`;
  return minus(`${Number(value.toPrecision(3))}`) + (unit ? ` ${unit}` : "");
}
