"""Defines the themes of figures and pages: colours and sizes.

It imports the standard library only. A fix has the same colour in every figure.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.cases.case import Case

THEMES = ("light", "dark")
WIDTHS = ("column", "wide")


@dataclasses.dataclass(frozen=True)
class Theme:
    """The colours of a theme, and the sizes of a width.

    Args:
        name: `"light"` or `"dark"`.
        width: `"column"` (600 pixels on a page) or `"wide"` (1,000 pixels).
        background, ink, muted, faint: Colours of background, text, notes and grid lines.
        broken, fixed: Colours of the two programs.
        fixes: Colours of a case's fixes, in their order; variants use those after them.
    """

    name: str
    background: str
    ink: str
    muted: str
    faint: str
    broken: str
    fixed: str
    fixes: tuple[str, ...]
    width: str = "column"

    @property
    def target(self) -> str:
        """The colour of the target function: that of text."""
        return self.ink

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict to colour: that of fixed if it is good, that of broken if it is bad."""
        good = dict.fromkeys(("solves", "supported", "helps"), self.fixed)
        bad = dict.fromkeys(("fails", "contradicted", "harms"), self.broken)
        open_ = dict.fromkeys(("undecided", "does nothing", "untestable"), self.muted)
        return good | bad | open_ | {"depends on the seed": self.fixes[1]}

    @property
    def inches(self) -> float:
        """The width of a figure in inches, at 100 pixels per inch on the page."""
        return 6.0 if self.width == "column" else 10.0

    @property
    def font_size(self) -> float:
        """The font size in points; larger in wide figures, which may be shown at 600 pixels."""
        return 10.0 if self.width == "column" else 12.5


# Okabe and Ito's colours, distinct under every common colour blindness. Their yellow is left
# out and their orange is darkened, for contrast on white. The dark theme has lighter ones.
LIGHT = Theme(
    name="light",
    background="#FFFFFF",
    ink="#1F2328",
    muted="#5F666D",
    faint="#E4E6E8",
    broken="#D55E00",
    fixed="#0072B2",
    fixes=("#00875F", "#7A4B00", "#BB5F95", "#2E93CC", "#77770A", "#7A7A7A"),
)
DARK = Theme(
    name="dark",
    background="#14181D",
    ink="#E9E7E3",
    muted="#A5ABB2",
    faint="#2B323A",
    broken="#FF7F3F",
    fixed="#4FA8E8",
    fixes=("#2CC49B", "#F2B63C", "#E59AC4", "#9BD7F7", "#C6C64C", "#B0B0B0"),
)


def make_theme(name: str = "light", width: str = "column") -> Theme:
    """Returns the `Theme` with this name and width.

    Raises:
        ValueError: One of the two is unknown.
    """
    if name not in THEMES or width not in WIDTHS:
        raise ValueError(
            f"A look is one of the themes {THEMES} and widths {WIDTHS}. Received: {name}, {width}"
        )
    return dataclasses.replace(LIGHT if name == "light" else DARK, width=width)


def arm_colours(case: Case, theme: Theme) -> dict[str, str]:
    """Returns `{name: colour}` of broken, fixed and each fix, the same in every figure.

    Args:
        case: The `Case`.
        theme: The `Theme`.
    """
    fixes = {name: theme.fixes[n % len(theme.fixes)] for n, name in enumerate(case.fixes)}
    return {"broken": theme.broken, "fixed": theme.fixed} | fixes
