// The filter bar: terms as chips, a field that suggests, buttons for what is asked most, a range of time.

import { fill, h, setAttr, setText } from "./dom.js";
import { RANGES, addTerm, parts, termWords, terms } from "./filter.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { SEVERITIES } from "./state.js";
import { suggestions } from "./suggest.js";

/** The bar over `filter`, which it changes; `changed(settled)` is called after each change, unsettled while typing. */
export function filterBar(filter, changed) {
  const chips = h("ul", { class: "tokens", "aria-label": t("filter.active") });
  const problem = h("p", { class: "problem", role: "alert", id: "filter-problem" });
  const list = h("ul", { class: "suggest", id: "filter-suggest", role: "listbox", "aria-label": t("filter.suggest"), hidden: true });
  let timer = 0;
  let active = -1;
  let shown = [];

  const input = h("input", {
    type: "search",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": t("alerts.search"),
    "aria-expanded": "false",
    "aria-controls": "filter-suggest",
    "aria-autocomplete": "list",
    "aria-describedby": "filter-problem",
    placeholder: t("filter.placeholder"),
    oninput: typed,
    onkeydown: key,
    onfocus: () => suggest(),
    onblur: () => setTimeout(hide, 150),
  });
  const quick = h("div", { class: "quick" });
  const element = h(
    "div",
    { class: "filters", role: "search" },
    h("div", { class: "filter-box", onclick: (e) => e.target === e.currentTarget && input.focus() }, icon("search"), chips, input, list),
    problem,
    quick,
  );
  draw();
  return { element, draw, tell: (words) => setText(problem, words ?? "") };

  function draw() {
    fill(chips, filter.terms.map(chip));
    fill(quick, severities(), states(), ...times());
  }

  function settle() {
    draw();
    changed(true);
  }

  function chip(term) {
    const words = termWords(term);
    const edit = () => {
      drop(term);
      input.value = term;
      input.focus();
      typed();
    };
    const remove = () => {
      drop(term);
      settle();
      input.focus();
    };
    return h(
      "li",
      { class: parts(term).not ? "token not" : "token" },
      h("button", { type: "button", class: "plain", title: `${term} — ${t("filter.edit")}`, onclick: edit }, h("bdi", {}, words)),
      h("button", { type: "button", class: "plain", "aria-label": `${t("filter.remove")}: ${words}`, onclick: remove }, icon("close")),
    );
  }

  function drop(term) {
    filter.terms = filter.terms.filter((other) => other !== term);
    draw();
  }

  function commit() {
    clearTimeout(timer);
    for (const term of terms(input.value)) addTerm(filter, term);
    input.value = filter.typed = "";
    hide();
    settle();
  }

  // A token that is whole becomes a chip at the space behind it; free words are looked for while they are typed.
  function typed() {
    const text = input.value;
    const last = terms(text).at(-1) ?? "";
    clearTimeout(timer);
    const open = (text.match(/(?<!\\)"/g)?.length ?? 0) % 2;
    if (/\s$/.test(text) && !open && parts(last).name && parts(last).value) return commit();
    suggest();
    const unfinished = terms(text).some((term) => parts(term).name) || open || /^-?$/.test(last);
    if (unfinished && text.trim()) return;
    timer = setTimeout(() => {
      filter.typed = text.trim();
      changed(false);
    }, 250);
  }

  function suggest() {
    shown = suggestions(input.value);
    active = -1;
    fill(
      list,
      shown.map((s, i) =>
        h(
          "li",
          { role: "option", id: `suggest-${i}`, "aria-selected": "false", onmousedown: (e) => (e.preventDefault(), take(s)) },
          h("bdi", {}, s.label),
          h("small", {}, s.hint),
        ),
      ),
    );
    list.hidden = !shown.length;
    setAttr(input, "aria-expanded", String(!list.hidden));
    setAttr(input, "aria-activedescendant", null);
  }

  function hide() {
    list.hidden = true;
    active = -1;
    setAttr(input, "aria-expanded", "false");
    setAttr(input, "aria-activedescendant", null);
  }

  function take(suggestion) {
    const words = terms(input.value);
    if (input.value && !/\s$/.test(input.value)) words.pop();
    input.value = [...words, suggestion.text].join(" ");
    if (suggestion.done) commit();
    else typed();
    input.focus();
  }

  function key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && !list.hidden) {
      event.preventDefault();
      active = (active + by + shown.length + (active < 0 && by < 0 ? 1 : 0)) % shown.length;
      [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === active)));
      setAttr(input, "aria-activedescendant", `suggest-${active}`);
      list.children[active].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (active >= 0 && !list.hidden) take(shown[active]);
      else if (input.value.trim()) commit();
    } else if (event.key === "Escape") {
      if (list.hidden) input.blur();
      hide();
      event.preventDefault();
    } else if (event.key === "Backspace" && !input.value && filter.terms.length) {
      event.preventDefault();
      const last = filter.terms.at(-1);
      drop(last);
      changed(true);
    }
  }

  function segments(label, values, pressed, words, choose) {
    const button = (v) => h("button", { type: "button", "aria-pressed": String(v === pressed), onclick: () => (choose(v), settle()) }, words(v));
    return h("div", { class: "segments", role: "group", "aria-label": label }, values.map(button));
  }

  function severities() {
    const own = filter.terms.filter((term) => parts(term).name === "sev");
    const one = own.length === 1 && !parts(own[0]).not ? parts(own[0]).value : own.length ? null : "";
    return segments(t("severity"), ["", ...SEVERITIES], one, (s) => t(s ? `severity.${s}` : "all"), (s) => {
      filter.terms = filter.terms.filter((term) => !own.includes(term));
      if (s) addTerm(filter, `sev:${s}`);
    });
  }

  function states() {
    const words = (s) => t(`state.${s}`);
    return segments(t("state"), ["open", "acknowledged", "all"], filter.state, words, (s) => (filter.state = s));
  }

  function times() {
    const own = Boolean(filter.since || filter.until);
    const pressed = filter.range || (own || filter.picking ? "own" : "");
    const words = (r) => t(`range.${r || "any"}`);
    const choose = (r) => {
      filter.picking = r === "own";
      filter.range = r === "own" ? "" : r;
      if (r !== "own") filter.since = filter.until = "";
    };
    const buttons = segments(t("range.time"), ["", ...Object.keys(RANGES), "own"], pressed, words, choose);
    if (pressed !== "own") return [buttons];
    const field = (key) => {
      const at = h("input", { type: "datetime-local", value: local(filter[key]), onchange: () => set(key, at.value) });
      return h("label", { class: "when" }, h("span", {}, t(`range.${key}.label`)), at);
    };
    const set = (key, value) => {
      filter[key] = value ? new Date(value).toISOString() : "";
      changed(true);
    };
    return [buttons, field("since"), field("until")];
  }
}

/** A moment as a field of local time takes it. */
function local(time) {
  const date = new Date(time);
  if (!time || Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
