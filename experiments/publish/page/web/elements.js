/**
 * Elements: what the parts of the page are made of.
 *
 * Texts are never read as HTML, whoever wrote them.
 */

function byId(name) {
  return document.getElementById(name);
}

/** Makes an element with attributes and children; texts are never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Marks a link as the one that is shown. */
function mark(link, shown) {
  if (shown) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

/** A table in a frame of its own that scrolls, also by the keyboard. */
function scrolled(title, content) {
  content.prepend(make("caption", {}, title));
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
    content,
  );
}

function table(columns, lines) {
  const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
  const body = lines.map((cells) =>
    make("tr", {}, ...cells.map((cell) => make("td", {}, String(cell ?? "")))),
  );
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

/** Draws a share with its interval as a bar in the colour of its verdict. */
function fillBar(bar, arm) {
  const [estimate, low, high] = arm.solved.map((share) => `${100 * share}%`);
  const values = { "--estimate": estimate, "--low": low, "--high": high };
  values["--colour"] = verdictColour(arm.verdict);
  for (const [name, value] of Object.entries(values)) bar.style.setProperty(name, value);
}

/** The style that gives an element the colour of a case's fix, by its place. */
function fixColour(place) {
  return `--fix: var(--fix-${place % PAGE.num_colours})`;
}

function verdictColour(verdict) {
  return `var(--${verdict.replaceAll(" ", "-")}, var(--muted))`;
}
