"""Hostile command lines: what nobody should type, made by chance from a seed.

Room 2: texts only; runs nothing. Half of the words are in order, so that a line comes past
the first check now and then.
"""

import random

NASTY = (
    *("", " ", "-", "--", "---", "-1", "0", "1e9", "1.5", "nan", "inf", "0x10", "1_000", "+3"),
    *("\x00", "a\x00b", "\n", "a\nb", "\r\n", "\t", "\x1b[31mred", "\x1b]0;title\x07", "\x7f"),
    *("\u202egnp.exe", "\u2028", "\ud800", "\udcff", "\u0663", "\u00e9", "\u65e5\u672c", "💥" * 50),
    *("a" * 300, "a" * 100_000, "9" * 5000, "-" + "9" * 5000, "9" * 30, "+" * 5000, "," * 5000),
    *("../../etc/passwd", "..", ".", "./", "~", "*", "?", "\\", "host:share", "a/../../b"),
    *("__main__", "__init__", "%s%n%d", "{0}", "{}", "${HOME}", "$(id)", "`id`", "'; --", "\\x00"),
    *("None", "True", "[]", "()", "lambda: 0", "__import__('os')", "<script>", "&&", "|", ">out"),
)
SEEDS = (
    *("1", "2", "3-4", " 2 ", "7-7", "32", "100-199", "1000000", "999999999-999999999"),
    *("9999999999-1", "0-0x10", "0-0", "5-3", "1--2", "-3", "1,2", "0-999999999", "\u0663-\u0665"),
)
NUMBERS = ("0", "1", "7", "-1", "4294967295", "4294967296", "1" + "0" * 30, "2.0", "1e3")
FORMATS = ("svg", "png", "pdf", "svg,svg,,", "svg,png", "gif", "mp4", "gif,png", "bmp", ",", "py")
FORMATS += ("ipynb", "diff", "PY", " svg , png ")
THEMES = ("light", "dark", "light,dark", "dark,dark", "neon", ",light")
WIDTHS = ("column", "wide", "column,wide", "narrow", "wide,,")
TRAINERS = ("engine", "reference", "numpy", "engin", "ENGINE", "jax")
CLUSTERS = (
    "local",
    "auto",
    "127.0.0.1:1",
    "ray://x:1",
    "ray://",
    "[::1]:99999",
    "host:-1",
    "http://x",
)
FLAGS = (
    "--until-decided",
    "--plan",
    "--full",
    "--fresh",
    "--no-progress",
    "--studies",
    "--scenes",
    "--diff",
    "--help",
)
TRAINING = ("--seeds", "--arms", "--trainer", "--full", "--out", "--fresh", "--no-progress")
TRAINING += ("--until-decided", "--cluster")
DRAWING = ("--format", "--theme", "--width", "--out")
# The commands, and the options that they have.
COMMANDS = {
    "list": (),
    "run": TRAINING,
    "report": ("--out",),
    "record": ("--trainer", "--studies", "--scenes", "--fresh", "--no-progress"),
    "check": ("--seeds", "--first-seed", "--out", "--no-progress"),
    "explain": ("--seed", "--arms"),
    "figures": DRAWING,
    "animate": DRAWING,
    "page": ("--out",),
    "export": ("--arm", "--diff", "--against", "--format", "--seed", "--steps", "--out"),
    "silently": (),
    "plan": TRAINING,
}


class Words:
    """Makes command lines.

    Args:
        seed: Whole number.
        cases: Names of cases.
        arms: Names of arms and fixes.
        places: Names of files and folders to write to.
    """

    def __init__(self, seed, cases, arms, places):
        self._random, self._cases, self._arms = random.Random(seed), list(cases), list(arms)
        self._values = {
            "--seeds": SEEDS,
            "--seed": NUMBERS,
            "--steps": NUMBERS,
            "--first-seed": NUMBERS,
            "--trainer": TRAINERS,
            "--cluster": CLUSTERS,
            "--format": FORMATS,
            "--theme": THEMES,
            "--width": WIDTHS,
            "--out": tuple(places),
        }
        self._options = [*self._values, "--arms", "--arm", "--against", *FLAGS, "--sed", "-s", "-x"]

    def case_line(self):
        """Returns the words after the command of one case."""
        return self._shuffled(self._pieces((*TRAINING, "--plan")))

    def suite_line(self):
        """Returns the words after the command over all cases."""
        command = self._random.choice(list(COMMANDS))
        words = self._pieces(COMMANDS[command])
        words += [self._case() for _ in range(self._random.choice((0, 0, 1, 1, 1, 2, 40)))]
        words = self._shuffled(words)
        return words if self._chance(0.05) else [command, *words]

    def _pieces(self, own):
        """Some options with their values, most of them the command's own."""
        found = []
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 2, 3, 6))):
            known = own and self._chance(0.9)
            found += self._piece(self._random.choice(own if known else self._options))
        return found

    def _chance(self, share):
        return self._random.random() < share

    def _shuffled(self, words):
        if self._chance(0.1):
            self._random.shuffle(words)
        return words

    def _case(self):
        if self._chance(0.85):
            return self._random.choice(self._cases)
        name = self._random.choice(self._cases)
        odd = (f"{name}.py", f"../{name}", name.upper(), name[:-1], f"{name} ", f"{name}\x00")
        return self._random.choice((*odd, *NASTY))

    def _piece(self, option):
        """One option with its value, or what looks like it."""
        if option in FLAGS and self._chance(0.8):
            return [option]
        value = self._value(option)
        kinds = ([option, value],) * 12 + ([f"{option}={value}"], [option], [value])
        return self._random.choice((*kinds, [option, value, option, self._value(option)]))

    def _value(self, option):
        if option in ("--arms", "--arm", "--against") and self._chance(0.7):
            return self._arm_words()
        if option in self._values and self._chance(0.8):
            return self._random.choice(self._values[option])
        return self._random.choice(NASTY)

    def _arm_words(self):
        """Arms as `--arms` takes them, some of which there are."""
        num = self._random.choice((1, 1, 1, 2, 3, 2000))
        sign = self._random.choice(("+", ",", "+", ",,", " + "))
        words = [self._random.choice((*self._arms, *self._cases, "")) for _ in range(num)]
        return sign.join(words)
