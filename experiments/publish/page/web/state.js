/**
 * The state of the page: what is chosen, as the link says it, and what that shows.
 *
 * A state is `{case, fixes, rival, seed, at, theme}`: names, a whole number of updates `at`
 * (`null`: the end of training) and a theme (`""`: that of the system). The link is the only
 * place where it is kept, so that back and forward, bookmarks and blogs all work.
 */

/**
 * Reads a link's state.
 *
 * @param {string} hash The part of an address from `#` on.
 * @returns {object} A state; what the link does not say is empty.
 */
function readLink(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, "").replaceAll("+", "%2B"));
  const whole = (name) => (/^\d+$/.test(words.get(name) ?? "") ? Number(words.get(name)) : null);
  return {
    case: words.get("case") ?? "",
    fixes: (words.get("fixes") ?? "").split(",").filter(Boolean),
    rival: words.get("rival") ?? "",
    seed: whole("seed"),
    at: whole("checkpoint"),
    theme: words.get("theme") ?? "",
  };
}

/**
 * Writes a state as a link; the inverse of `readLink`.
 *
 * @param {object} state A state.
 * @returns {string} The part of an address from `#` on.
 */
function writeLink(state) {
  const words = { case: state.case, fixes: state.fixes.join(","), rival: state.rival };
  Object.assign(words, { seed: state.seed, checkpoint: state.at, theme: state.theme });
  const said = Object.entries(words).filter(([, value]) => value !== "" && value !== null);
  return "#" + said.map(([name, value]) => `${name}=${value}`).join("&");
}

/**
 * Returns the name of the arm with some fixes, as the tables spell it.
 *
 * @param {object} facts A case.
 * @param {string[]} fixes Names of fixes, in any order.
 */
function armName(facts, fixes) {
  const ordered = facts.fixes.map((fix) => fix.name).filter((name) => fixes.includes(name));
  if (ordered.length === facts.fixes.length) return "fixed";
  return ordered.join("+") || "broken";
}

/**
 * Returns the fixes that an arm of the lattice has; the inverse of `armName`.
 *
 * @param {object} facts A case.
 * @param {string} name `broken`, `fixed`, or fixes joined by `+`.
 */
function fixesOf(facts, name) {
  if (name === "broken") return [];
  return name === "fixed" ? facts.fixes.map((fix) => fix.name) : name.split("+");
}

/**
 * Finds what a state shows of a case.
 *
 * @param {object} facts The case.
 * @param {object} state A state.
 * @returns {object} `name` of the arm and the `arm` (`null` if it was not run), the `rival` if
 *   one is shown, the `fixes` it has, the `place` of its checkpoint, and the picked `seed`
 *   (`null` if none is picked, or it is not stored for this arm).
 */
function resolve(facts, state) {
  const rival = facts.rivals.find((item) => item.name === state.rival) ?? null;
  const name = rival ? rival.name : armName(facts, state.fixes);
  const arm = facts.arms[name] ?? null;
  const fixes = fixesOf(facts, rival ? rival.lattice : name);
  const seed = arm?.seeds[state.seed] ?? null;
  return { facts, state, name, arm, rival, fixes, seed, place: arm ? placeOf(arm, state.at) : 0 };
}

/** The place of the last checkpoint at or before `at`: an arm may end sooner than another. */
function placeOf(arm, at) {
  if (at === null) return arm.checkpoints.length - 1;
  return Math.max(
    0,
    arm.checkpoints.findLastIndex((checkpoint) => checkpoint <= at),
  );
}
