/**
 * The words of the page: what a shown arm is called, and what is said of it.
 *
 * A `view` is what `resolve` returns. Numbers are those of the tables; this file only spells them.
 */

/** Spells a number: thousands parted, four digits, or that it is not finite. */
function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value.startsWith("-") ? "minus infinite" : "infinite";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return String(Number(value.toPrecision(4)));
}

/** Spells a share as a percentage with one decimal. */
function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

/** Joins words as in a sentence: `a, b and c`. */
function listed(words) {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter(Boolean).join(" and ");
}

/** Names what is shown, such as `with neck and epochs`. */
function armWords(view) {
  if (view.rival) return `with the rival ${view.rival.name}`;
  if (view.name === "broken") return "as asked, without any fix";
  const fixes = `with ${listed(view.fixes)}`;
  return view.name === "fixed" && view.fixes.length > 1 ? `${fixes}, all fixes` : fixes;
}

/** Says where training stands, such as `500 of 10,000 updates`. */
function whenWords(view) {
  const { arm, place } = view;
  const now = number(arm.checkpoints[place]);
  if (place < arm.checkpoints.length - 1) return `${now} of ${number(arm.steps)} updates`;
  return `${now} updates, the end${arm.steps < arm.documented ? " stored here" : ""}`;
}

/** Says how an arm was cut, or nothing. */
function cutWords(arm) {
  if (arm.steps >= arm.documented) return "";
  return `Cut at ${number(arm.steps)} of the documented ${number(arm.documented)} updates.`;
}

/** Says the state and its result: the sentence that is read aloud at every change. */
function sentence(view) {
  const { facts, arm, place } = view;
  const head = `${facts.name} ${armWords(view)}`;
  if (!arm) return `${head}: not run. Train it with: ${trainWords(view)}`;
  const end = place === arm.checkpoints.length - 1;
  const parts = [
    `${head}, after ${number(arm.steps)} updates: ${arm.rate} of ${number(arm.num_seeds)} seeds ` +
      `solve it. Verdict: ${arm.verdict_words}.`,
    `Median ${facts.metric_label} ${arm.median_words}.`,
    arm.diverged > 0
      ? `${arm.diverged_words} of the seeds diverged; they count as not solved.`
      : "",
    end ? "" : alongWords(view),
    cutWords(arm),
    seedWords(view),
  ];
  return parts.filter(Boolean).join(" ");
}

/** Says where the seeds stand at a checkpoint before the end. */
function alongWords(view) {
  const { facts, arm, place } = view;
  const parts = [];
  if (arm.metric[place]) parts.push(`median ${facts.metric_label} ${number(arm.metric[place][2])}`);
  const solving = arm.solved_along[place];
  if (solving !== null) parts.push(`${percent(solving)} of the seeds meet the bar`);
  const diverging = arm.diverged_along[place];
  if (diverging > 0) parts.push(`${percent(diverging)} have diverged`);
  return parts.length ? `After ${whenWords(view)}: ${parts.join("; ")}.` : "";
}

/** Says what became of the picked seed, or that it is not stored for this arm. */
function seedWords(view) {
  const { facts, state, arm, seed } = view;
  if (state.seed === null) return "";
  if (!seed) {
    return `Seed ${state.seed} is not among the ${Object.keys(arm.seeds).length} seeds drawn here.`;
  }
  return (
    `Seed ${state.seed} ends ${seed.solved ? "solved" : seed.diverged ? "diverged" : "not solved"}, ` +
    `${facts.metric_label} ${number(seed.metric)}.`
  );
}

/** The command that trains an arm which was not run. */
function trainWords(view) {
  return `python -m reproductions.${view.facts.name} --arms ${view.name}`;
}

/** Says in a chart's place what it shows, for those who do not see it. */
function chartWords(view, kind, rows) {
  const { facts, arm } = view;
  const title = TITLES[kind](facts);
  if (!arm) return `${title}: nothing to draw, the combination was not run.`;
  const span = spanOf(rows.band.map((row) => row.q50));
  const median = span ? `The median over seeds goes from ${span[0]} to ${span[1]}` : NO_BAND;
  const seed = rows.seed.length ? ` Seed ${view.state.seed} is drawn over it.` : "";
  const target =
    kind === "fit" ? ` The target goes from ${spanOf(facts.target).join(" to ")}.` : "";
  return `${title} ${armWords(view)}, after ${whenWords(view)}. ${median}.${target}${seed}`;
}

const NO_BAND = "No band over seeds is drawn";

/** The smallest and the largest finite value, spelled; nothing if there is none. */
function spanOf(values) {
  const finite = values.filter(Number.isFinite);
  return finite.length ? [number(Math.min(...finite)), number(Math.max(...finite))] : null;
}

const TITLES = {
  fit: () => "Fitted curve",
  metric: (facts) => facts.metric_label[0].toUpperCase() + facts.metric_label.slice(1),
  loss: () => "Loss on training samples",
};

/** Says what a chart could not draw: nothing is dropped in silence. */
function chartNote(view, kind, rows) {
  if (!view.arm) return "";
  const parts = [];
  if (kind === "fit" && !rows.band.length) parts.push("A rival's band is stored at its end only.");
  const values = (row) => [row.q05, row.q25, row.q50, row.q75, row.q95];
  const lost = rows.band.filter((row) => !values(row).every(Number.isFinite)).length;
  if (lost) {
    parts.push(
      `At ${lost} of ${rows.band.length} places a quantile over seeds is not finite, because seeds ` +
        "diverged; it is not drawn there.",
    );
  }
  const [low, high] = view.facts.frame[kind].domain;
  const beyond = (value) => Number.isFinite(value) && (value < low || value > high);
  const outside = rows.band.map((row) => row.q50).filter(beyond);
  if (outside.length) {
    const places = `${outside.length} of ${rows.band.length} places`;
    parts.push(`The median leaves the picture at ${places}: ${spanOf(outside).join(" to ")}.`);
  }
  if (rows.seed.some((row) => beyond(row.y))) parts.push("The seed's curve leaves the picture.");
  if (rows.seed.some((row) => typeof row.y === "string")) {
    parts.push("The seed's values are not finite where its line is missing.");
  }
  return parts.join(" ");
}
