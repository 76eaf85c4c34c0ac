/**
 * A case: its words, switches, rivals, combinations, seeds and legends.
 *
 * Made once when a case is first shown or shown again; `page.js` then sets what is chosen.
 */

/** Makes what belongs to a case whatever is chosen. */
function showCase(facts) {
  byId("case-name").textContent = facts.name;
  byId("case-shows").textContent = facts.shows;
  byId("case-answer").textContent = facts.answer;
  byId("case-source").textContent = `Searched for as “${facts.symptom}”. Source: ${facts.source}.`;
  document.title = `${facts.name}: Neural-network failures, reproduced`;
  byId("fixes").replaceChildren(make("legend", {}, "Fixes"), ...facts.fixes.map(fixSwitch));
  const whys = facts.fixes.flatMap((fix) => [
    make("dt", {}, fix.name),
    make("dd", { class: "why" }, ...whyWords(fix)),
  ]);
  document.querySelector("#whys dl").replaceChildren(...whys);
  makeRivals(facts);
  byId("map-title").textContent = `All ${facts.lattice.length} combinations`;
  byId("map").replaceChildren(...facts.lattice.map((name) => mapItem(facts, name)));
  makeSeeds(facts);
  makeLegends(facts);
}

/** One fix: a switch in its colour, why it was proposed, and what it changes. */
function fixSwitch(fix, n) {
  const input = make("input", {
    type: "checkbox",
    role: "switch",
    name: "fix",
    value: fix.name,
    "aria-describedby": `why-${fix.name}`,
  });
  input.addEventListener("change", flipped);
  const why = make("div", { class: "why", id: `why-${fix.name}` }, ...whyWords(fix));
  const label = make("label", {}, input, make("span", { class: "track" }), make("b", {}, fix.name));
  return make("div", { class: "switch", style: fixColour(n) }, label, why);
}

/** Why a fix was proposed, and each field that it changes. */
function whyWords(fix) {
  const words = fix.changes.map(([field, before, after]) => `${field}: ${before} → ${after}`);
  return [fix.why, ...words.map((text) => make("span", { class: "change" }, text))];
}

function flipped() {
  const on = document.querySelectorAll("#fixes input:checked");
  go({ fixes: [...on].map((input) => input.value), rival: "" });
}

function makeRivals(facts) {
  const words = (item) => `${item.name}: ${item.why}`;
  const options = facts.rivals.map((item) => make("option", { value: item.name }, words(item)));
  byId("rival").replaceChildren(make("option", { value: "" }, "none"), ...options);
  byId("rival-field").hidden = !facts.rivals.length;
}

/** One combination: which fixes it has, what share of seeds it solves, and a link to it. */
function mapItem(facts, name) {
  const fixes = fixesOf(facts, name);
  const dots = facts.fixes.map((fix, n) => {
    const on = fixes.includes(fix.name);
    return make("i", { class: on ? "on" : "", style: fixColour(n) });
  });
  const arm = facts.arms[name];
  const rate = arm ? `${percent(arm.solved[0])}` : "not run";
  const text = make("span", { class: "name" }, name.replaceAll("+", " + "));
  const verdict = make("span", { class: "hidden" }, arm ? `, ${arm.verdict}` : "");
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  if (arm) fillBar(bar, arm);
  const dotted = make("span", { class: "dots", "aria-hidden": "true" }, ...dots);
  const link = make(
    "a",
    { "data-arm": name },
    dotted,
    text,
    make("span", { class: "share" }, rate),
    verdict,
    bar,
  );
  return make("li", {}, link);
}

/** A chip for each seed that any arm of the case keeps. */
function makeSeeds(facts) {
  const arms = Object.values(facts.arms);
  const seeds = new Set(arms.flatMap((arm) => Object.keys(arm.seeds)));
  const chip = (value, text) => {
    const input = make("input", { type: "radio", name: "seed", value });
    input.addEventListener("change", () => go({ seed: value === "" ? null : Number(value) }));
    return make("label", { class: "chip" }, input, make("span", {}, text));
  };
  const chips = [...seeds].sort((a, b) => a - b).map((seed) => chip(seed, seed));
  document.querySelector("#seeds .chips").replaceChildren(chip("", "none"), ...chips);
}

function makeLegends(facts) {
  const bands = PAGE.bands.map((words, n) => [`band-${n}`, words]).reverse();
  const lines = [facts.bar, facts.constant].map(([value, words]) => `${words} (${number(value)})`);
  const seed = ["seed", "the picked seed"];
  const entries = {
    fit: [["target", "target"], ["median", "median"], ...bands, seed],
    metric: [
      ["target", lines[0]],
      ["constant", lines[1]],
    ],
    loss: [["median", "median"], seed],
  };
  for (const kind of KINDS) {
    const items = entries[kind].map(([mark, words]) =>
      make("li", { class: `mark ${mark}` }, words),
    );
    document.querySelector(`#${kind} .legend`).replaceChildren(...items);
    document.querySelector(`#${kind} h3`).textContent = TITLES[kind](facts);
  }
}
