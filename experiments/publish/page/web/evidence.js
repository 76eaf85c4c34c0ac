/**
 * The evidence: symptoms of the arm shown, causes, claims, and where all numbers come from.
 */

/** Writes symptoms, causes, claims and sources of the arm shown. */
function showEvidence(view) {
  const { facts, arm } = view;
  const seeds = arm ? `${number(arm.num_seeds)} seeds` : "no seed";
  byId("symptoms-of").textContent = `${facts.name} ${armWords(view)}, ${seeds}.`;
  byId("symptoms").replaceChildren(...symptomItems(arm));
  byId("causes-section").hidden = !facts.certificates.length;
  byId("causes").replaceChildren(...statements(view, facts.certificates, causeItem));
  byId("claims-section").hidden = !facts.claims.length;
  byId("claims").replaceChildren(...statements(view, facts.claims, claimItem));
  byId("made").replaceChildren(...made(view));
}

/** Symptoms that most or some seeds have, each with its bar; the others in one line. */
function symptomItems(arm) {
  if (!arm?.symptoms.length) return [make("li", {}, "No diagnosis is stored.")];
  const order = ["most seeds", "some seeds"];
  const shown = order.flatMap((holds) => arm.symptoms.filter((item) => item.holds === holds));
  const items = shown.map(symptomItem);
  const few = arm.symptoms.filter((item) => !order.includes(item.holds));
  if (!few.length) return items;
  const words = few.map((item) => `${item.name} (${item.share_words})`);
  return [
    ...items,
    make("li", { class: "few" }, make("b", {}, "In few seeds: "), `${words.join("; ")}.`),
  ];
}

function symptomItem(item) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  fillBar(bar, { solved: item.share, verdict: "shown" });
  const detail = item.detail ? ` (${item.detail})` : "";
  const share = make(
    "span",
    { class: "share" },
    `${item.share_words} of ${number(item.num_seeds)} seeds`,
  );
  return make(
    "li",
    {},
    make("b", {}, item.name),
    share,
    bar,
    make("span", { class: "why" }, `They ${item.words}${detail}.`),
  );
}

/** Statements that rest on the arm shown first; all others behind a fold. */
function statements(view, items, item) {
  const here = items.filter((one) => one.arms.includes(view.name));
  const others = items.filter((one) => !one.arms.includes(view.name));
  const list = (ones) => make("ul", {}, ...ones.map((one) => item(view, one)));
  const parts = [];
  if (here.length)
    parts.push(make("p", { class: "note" }, "Resting on the arm shown:"), list(here));
  if (others.length) {
    const all = here.length ? "The others" : "None rests on the arm shown; all of this case";
    const words = `${all} (${others.length})`;
    parts.push(make("details", {}, make("summary", {}, words), list(others)));
  }
  return parts;
}

function claimItem(view, one) {
  const by = make("span", { class: "note" }, ` (${one.by}) `);
  return statement(view, one, make("b", {}, one.claim), by);
}

function causeItem(view, one) {
  const by = make("span", { class: "note" }, ` Shown on ${one.arm} by: ${one.intervention}. `);
  return statement(view, one, make("b", {}, `${one.cause}.`), by);
}

/** One statement: its verdict, its evidence, and links to the arms it rests on. */
function statement(view, one, ...head) {
  const verdict = make(
    "span",
    { class: "verdict", style: `--colour: ${verdictColour(one.verdict)}` },
    one.verdict,
  );
  const evidence = make("span", { class: "evidence" }, one.evidence);
  const links = one.arms.filter((name) => name !== view.name).map((name) => armLink(view, name));
  const arms = links.length ? make("span", { class: "links" }, "See: ", ...links) : null;
  return make("li", {}, verdict, " ", ...head, evidence, arms);
}

function armLink(view, name) {
  const isRival = view.facts.rivals.some((item) => item.name === name);
  const chosen = isRival ? { rival: name } : { rival: "", fixes: fixesOf(view.facts, name) };
  return make("a", { href: writeLink({ ...view.state, ...chosen }) }, name);
}

/** Where the shown numbers come from: file, seeds, versions, command. */
function made(view) {
  const { facts, arm } = view;
  const { folder, trainer, command, environments } = facts.made;
  const seeds = arm ? number(arm.num_seeds) : "0";
  const picked = arm ? number(Object.keys(arm.seeds).length) : "0";
  const rows = [
    ["Solve rate, median and verdict", ["summary.csv"], `${seeds} seeds of the arm shown`],
    ["Bands and learning curves", ["curves.csv"], `${seeds} seeds`],
    ["The picked seed", ["seeds.csv", "runs.csv"], `one of ${picked} stored`],
    ["Symptoms", ["diagnosis.csv"], `${seeds} seeds`],
    ["Causes and claims", ["certificates.csv", "claims.csv"], "each names its seeds"],
  ];
  const items = rows.map(([what, files, words]) => {
    const names = files.flatMap((name) => [make("code", {}, name), " and "]).slice(0, -1);
    return make("li", {}, make("b", {}, what), ": ", ...names, `, ${words}.`);
  });
  return [
    make("p", {}, "All below ", make("code", {}, folder), ":"),
    make("ul", {}, ...items),
    make("p", {}, `Trained by the trainer “${trainer}” on: ${environments.join("; and ")}.`),
    make(
      "p",
      {},
      "Made again with ",
      make("code", {}, command),
      "; this page with ",
      make("code", {}, PAGE.command),
      ".",
    ),
  ];
}
