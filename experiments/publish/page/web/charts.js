/**
 * The charts: views that Vega draws once for a case, and the rows they are given.
 *
 * The element of class `chart` below a figure carries its Vega view as `view`.
 */

const KINDS = ["fit", "metric", "loss"];
const QUANTILES = ["q05", "q25", "q50", "q75", "q95"];

// Expressions are interpreted, so that the page needs no right to run text as code.
const OPTIONS = { mode: "vega", renderer: "svg", actions: false, ast: true };
Object.assign(OPTIONS, { hover: false, tooltip: false, defaultStyle: false });

/**
 * Makes the three charts of a case.
 *
 * @param {object} facts The case.
 */
async function makeCharts(facts) {
  for (const kind of KINDS) {
    const element = chartElement(kind);
    element.view?.finalize();
    // Vega names the element that it draws in by words of its own: ours stand around it.
    const inside = element.firstElementChild;
    element.view = (await vegaEmbed(inside, facts.charts[kind], OPTIONS)).view;
  }
}

/** The element that a chart is drawn in. */
function chartElement(kind) {
  return document.querySelector(`#${kind} .chart`);
}

/**
 * Gives every chart its rows, and waits until all are drawn.
 *
 * @param {object} drawn `{kind: rows}`, see `rowsOf`.
 */
async function draw(drawn) {
  const views = KINDS.map((kind) => {
    const view = chartElement(kind).view;
    for (const [name, rows] of Object.entries(drawn[kind])) view.data(name, rows);
    return view;
  });
  await Promise.all(views.map((view) => view.runAsync()));
}

/**
 * Returns the rows of every chart.
 *
 * @param {object} view What `resolve` returned.
 * @returns {object} `{fit, metric, loss}`, each `{band, seed}` with `target` or `now`.
 */
function rowsOf(view) {
  const { facts, arm, place, seed } = view;
  const now = arm ? [{ x: arm.checkpoints[place] }] : [];
  const target = facts.x.map((x, n) => ({ x, y: facts.target[n] }));
  if (!arm) {
    const none = { band: [], seed: [] };
    return { fit: { ...none, target }, metric: { ...none, now }, loss: { ...none, now } };
  }
  return {
    fit: {
      band: bandAcross(facts.x, arm.bands[place]),
      seed: across(facts.x, seed?.curve[place]),
      target,
    },
    metric: { band: bandAlong(arm, "metric"), seed: [], now },
    loss: { band: bandAlong(arm, "loss"), seed: across(arm.checkpoints, seed?.loss), now },
  };
}

/** Rows of five curves over the same places; none where no band is stored. */
function bandAcross(places, curves) {
  if (!curves) return [];
  return places.map((x, n) => ({ x, ...named(curves.map((curve) => curve[n])) }));
}

/** Rows of five quantiles at each checkpoint where they are stored. */
function bandAlong(arm, name) {
  const rows = arm.checkpoints.map((x, n) => arm[name][n] && { x, ...named(arm[name][n]) });
  return rows.filter(Boolean);
}

function named(values) {
  return Object.fromEntries(QUANTILES.map((name, n) => [name, values[n]]));
}

/** Rows of one curve, less the places where nothing is stored. */
function across(places, values) {
  if (!values) return [];
  return places.map((x, n) => ({ x, y: values[n] })).filter((row) => row.y !== null);
}
