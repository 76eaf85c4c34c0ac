/**
 * The page: its controls write the link, and the link is shown.
 *
 * Every choice goes one way: control -> link -> `show`. Elements are made once for a case and
 * changed in place, so that the keyboard keeps its place. Whenever all is drawn the document
 * hears an event `drawn`, and a performance entry `show` says how long it took.
 */

const CASES = new Map();
const PAGE = JSON.parse(byId("data-page").textContent);
let current = null;
let last = Promise.resolve();

/** A case's numbers, read when it is first shown. */
function factsOf(name) {
  if (!CASES.has(name)) CASES.set(name, JSON.parse(byId(`data-${name}`).textContent));
  return CASES.get(name);
}

/** The state that the link says, of a case that exists. */
function linked() {
  const state = readLink(location.hash);
  if (!PAGE.cases.some((item) => item.name === state.case)) state.case = PAGE.cases[0].name;
  return state;
}

/** Goes to a changed state; without `keep` one cannot go back to the state left behind. */
function go(changes, keep = true) {
  const link = writeLink({ ...linked(), ...changes });
  if (link === location.hash) return;
  if (keep) location.hash = link;
  else location.replace(link);
}

/** Shows a state, once what was asked for before it is shown. */
function show(state) {
  const start = performance.now();
  last = last
    .then(() => showNow(state))
    .then(() => {
      performance.measure("show", { start });
      document.body.dataset.drawn = location.hash;
      document.dispatchEvent(new Event("drawn"));
    });
  return last;
}

/** Shows the case, if that is another one, then all that follows from the choices. */
async function showNow(state) {
  const isTheme = ["light", "dark"].includes(state.theme);
  document.documentElement.dataset.theme = isTheme ? state.theme : "";
  const facts = factsOf(state.case);
  const isNew = current !== facts;
  current = facts;
  if (isNew) showCase(facts);
  const view = resolve(facts, state);
  const rows = rowsOf(view);
  for (const part of [showControls, showResult, showFigures, showEvidence]) part(view, rows);
  if (isNew) await makeCharts(facts);
  await draw(rows);
}

/** Sets every control to what the link says. */
function showControls(view) {
  const { state, arm, rival, fixes } = view;
  for (const link of document.querySelectorAll("#cases a")) {
    link.href = writeLink({ ...state, case: link.dataset.case, fixes: [], rival: "", at: null });
    mark(link, link.dataset.case === state.case);
  }
  for (const input of document.querySelectorAll("#fixes input")) {
    input.checked = fixes.includes(input.value);
  }
  for (const link of document.querySelectorAll("#map a")) {
    link.href = writeLink({ ...state, fixes: fixesOf(view.facts, link.dataset.arm), rival: "" });
    mark(link, link.dataset.arm === view.name);
  }
  byId("rival").value = rival ? rival.name : "";
  byId("rival-words").textContent = rival ? rivalWords(rival) : "";
  showSlider(view);
  for (const input of document.querySelectorAll("#seeds input")) showChip(input, state, arm);
  byId("theme").setAttribute("aria-pressed", String(isDark()));
}

function rivalWords(rival) {
  const changes = rival.changes.map(([field, before, after]) => `${field}: ${before} → ${after}`);
  return `Starts from ${rival.start}; ${changes.join(", ")}. Flip a fix to leave it.`;
}

function showSlider(view) {
  const slider = byId("at");
  slider.disabled = !view.arm;
  if (!view.arm) return;
  slider.max = view.arm.checkpoints.length - 1;
  slider.value = view.place;
  slider.setAttribute("aria-valuetext", whenWords(view));
  byId("at-words").textContent = whenWords(view);
}

/** Checks the picked seed, and says of each how it ends under the arm shown. */
function showChip(input, state, arm) {
  input.checked = input.value === String(state.seed ?? "");
  const seed = arm?.seeds[input.value];
  const stored = input.value === "" || Boolean(seed);
  input.parentElement.dataset.end = seed ? (seed.solved ? "solved" : "failed") : "";
  input.parentElement.classList.toggle("absent", !stored);
  const end = seed ? `, ${seed.solved ? "solved" : "not solved"}` : ", not stored for this arm";
  input.setAttribute("aria-label", input.value === "" ? "none" : `seed ${input.value}${end}`);
}

/** Says the result, in words and as a bar. */
function showResult(view) {
  const { arm } = view;
  const colour = verdictColour(arm?.verdict ?? "");
  document.documentElement.style.setProperty("--shown", colour);
  byId("says").textContent = sentence(view);
  document.querySelector("#rate b").textContent = arm ? percent(arm.solved[0]) : "";
  document.querySelector("#rate .verdict").textContent = arm?.verdict_words ?? "";
  byId("rate").hidden = byId("rate-bar").hidden = !arm;
  if (arm) fillBar(byId("rate-bar"), arm);
}

/** Writes what stands around the charts: labels, notes, and the tables of what is drawn. */
function showFigures(view, rows) {
  for (const kind of KINDS) {
    chartElement(kind).setAttribute("aria-label", chartWords(view, kind, rows[kind]));
    const note = document.querySelector(`#${kind} .note`);
    note.textContent = chartNote(view, kind, rows[kind]);
    note.hidden = !note.textContent;
    document
      .querySelector(`#${kind} .mark.seed`)
      ?.toggleAttribute("hidden", !rows[kind].seed.length);
  }
  byId("drawn").drawn = () => KINDS.map((kind) => drawnTable(view, kind, rows[kind]));
  if (byId("drawn").open) fillTables();
}

/** The tables of the drawn numbers are made only where they are looked at. */
function fillTables() {
  document.querySelector("#drawn .tables").replaceChildren(...byId("drawn").drawn());
}

/** The numbers of one chart as a table, every digit as stored. */
function drawnTable(view, kind, rows) {
  const seeds = new Map(rows.seed.map((row) => [row.x, row.y]));
  const targets = new Map((rows.target ?? []).map((row) => [row.x, row.y]));
  const places = rows.band.length ? rows.band : rows.seed.length ? rows.seed : (rows.target ?? []);
  const columns = [kind === "fit" ? view.facts.x_label : "updates", ...QUANTILES];
  if (targets.size) columns.push("target");
  if (seeds.size) columns.push(`seed ${view.state.seed}`);
  const lines = places.map((row) => {
    const cells = [row.x, ...QUANTILES.map((name) => row[name])];
    if (targets.size) cells.push(targets.get(row.x));
    if (seeds.size) cells.push(seeds.get(row.x));
    return cells;
  });
  return scrolled(`${TITLES[kind](view.facts)} ${armWords(view)}`, table(columns, lines));
}

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Listens to all that stays whatever case is shown, and shows the link. */
function start() {
  byId("cases").replaceChildren(
    ...PAGE.cases.map((item) => {
      const words = make("span", { class: "note" }, item.shows);
      // A long name may break behind its underscores, where a phone is narrow.
      const name = item.name.split(/(?<=_)/).flatMap((part) => [part, make("wbr")]);
      return make("li", {}, make("a", { "data-case": item.name }, make("b", {}, ...name), words));
    }),
  );
  byId("written").append(
    "Written by ",
    make("code", {}, PAGE.command),
    ". It asks the network for nothing.",
  );
  byId("rival").addEventListener("change", (event) => go({ rival: event.target.value }));
  byId("theme").addEventListener("click", () => go({ theme: isDark() ? "light" : "dark" }, false));
  byId("at").addEventListener("input", () => show({ ...linked(), at: chosenCheckpoint() }));
  byId("at").addEventListener("change", () => go({ at: chosenCheckpoint() }, false));
  byId("drawn").addEventListener("toggle", fillTables);
  addEventListener("hashchange", () => show(linked()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(linked()));
  show(linked());
}

/** The slider's number of updates; its last place is the end, wherever that is. */
function chosenCheckpoint() {
  const slider = byId("at");
  const arm = resolve(current, linked()).arm;
  return slider.value === slider.max ? null : arm.checkpoints[Number(slider.value)];
}

start();
