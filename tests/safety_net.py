"""Records what a checkout computes, so that two versions of the code can be compared.

    python -m tests.safety_net record before.json       # in the old checkout
    python -m tests.safety_net record after.json        # in the new one
    python -m tests.safety_net compare before.json after.json

Everything runs on a copy of the checkout. `--parts` selects some of the parts.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", "out", ".*_cache", ".venv", ".hypothesis")
CASES = ("ln_fit", "sin_fit", "sum_hinge", "sum_softmax")
COMMANDS = ["run", "plan", "report", "record", "check", "explain", "figures", "animate", "page"]
COMMANDS += ["export", "silently"]
# Programs of the copy that print JSON.
FIND = """
import itertools, json, sys
from experiments.runs.keys import row_key
def keys(case):
    others = getattr(case, "variants", None) or getattr(case, "rivals", {})
    size = range(len(case.fixes) + 1)
    combined = ["+".join(c) for n in size for c in itertools.combinations(case.fixes, n)]
    arms = ["broken", "fixed", *filter(None, combined), *others]
    trainers = ("engine", "reference", "numpy")
    return {f"{t} {a}": row_key(case, case.arm(a), t) for a in arms for t in trainers}
"""
LOADED = "import reproductions; print(json.dumps(keys(reproductions.load(sys.argv[1]))))"
WORKER = """
import multiprocessing
if __name__ == "__main__":
    import reproductions
    case = reproductions.load(sys.argv[1])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.apply(keys, (case,))))
"""
AS_SCRIPT = """
import runpy
from experiments.runs import runner
def train(case, *arguments, **options):
    print(json.dumps(keys(case)))
    sys.exit()
runner.train = train
name = sys.argv[1]
sys.argv = [name, "--arms", "all", "--out", "out/keys/" + name, "--no-progress"]
runpy.run_module("reproductions." + name, run_name="__main__", alter_sys=True)
"""


def record_keys(copy):
    """Row keys of every arm: through `load()`, in a spawned process and through `python -m`."""
    found = {}
    for case in CASES:
        for way, program in {"load": LOADED, "worker": WORKER, "script": AS_SCRIPT}.items():
            path = copy / f"keys_{way}.py"
            path.write_text(FIND + program)
            for arm, key in json.loads(_python(copy, path.name, case).splitlines()[-1]).items():
                found[f"{case} {way} {arm}"] = key
    return found


def record_report(copy):
    """Digests of the files under `results/` after `report`, and of the README's findings."""
    _python(copy, "-m", "reproductions", "report")
    return _digests(copy / "results", copy)


def record_text(copy):
    """Output of `explain`, `export` and every `--help`."""
    found = {"list": _suite(copy), "help": _suite(copy, "--help")}
    found |= {f"help {name}": _suite(copy, name, "--help") for name in COMMANDS}
    for case in CASES:
        found[f"help {case}"] = _python(copy, "-m", f"reproductions.{case}", "--help")
        found[f"explain {case}"] = _suite(copy, "explain", case)
        for arm in ("broken", "fixed"):
            found[f"export {case} {arm}"] = _suite(copy, "export", case, "--arm", arm)
        found[f"export {case} diff"] = _suite(copy, "export", case, "--diff")
    return found


def record_page(copy):
    """Digest of the page."""
    _suite(copy, "page", "--out", "page.html")
    return {"page.html": _digest((copy / "page.html").read_bytes())}


def record_train(copy):
    """`runs.csv` and all tables of four seeds of every arm of `sum_hinge`."""
    run = ("-m", "reproductions.sum_hinge", "--seeds", "4", "--arms", "all", "--no-progress")
    found = {"output": _python(copy, *run)}
    folder = copy / "out" / "sum_hinge"
    for path in sorted(folder.glob("*.csv")):
        found[path.name] = path.read_text()
    return found


def record_check(copy):
    """The comparison of 16 fresh seeds of `sum_hinge` with the committed rows."""
    _python(copy, "-m", "reproductions", "check", "sum_hinge", "--seeds", "16", check=False)
    return {p.name: p.read_text() for p in sorted((copy / "out" / "check").glob("*.csv"))}


PARTS = {
    "keys": record_keys,
    "report": record_report,
    "text": record_text,
    "page": record_page,
    "train": record_train,
    "check": record_check,
}


def _suite(copy, *arguments):
    return _python(copy, "-m", "reproductions", *arguments)


def _python(copy, *arguments, check=True):
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "COLUMNS": "100",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    if check and done.returncode:
        raise SystemExit(
            f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return done.stdout.replace(str(copy), "COPY")


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def _digests(folder, copy):
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    found = {str(p.relative_to(copy)): _digest(p.read_bytes()) for p in paths}
    return found | {"README.md": _digest((copy / "README.md").read_bytes())}


def record(path, parts):
    """Writes what the chosen parts find to a JSON file."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for part in parts:
            copy = pathlib.Path(place) / part
            shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
            found[part] = PARTS[part](copy)
            print(f"{part}: {len(found[part])} entries", flush=True)
    pathlib.Path(path).write_text(json.dumps(found, indent=1))


def compare(before, after):
    """Prints each entry that differs; returns how many do."""
    old, new = (json.loads(pathlib.Path(path).read_text()) for path in (before, after))
    differing = 0
    for part in sorted(old.keys() & new.keys()):
        for name in sorted(old[part].keys() | new[part].keys()):
            if old[part].get(name) != new[part].get(name):
                differing += 1
                print(f"differs: {part}: {name}")
    print(f"{differing} entries differ in {', '.join(sorted(old.keys() & new.keys()))}")
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["record", "compare"])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--parts", default=",".join(PARTS))
    chosen = parser.parse_args()
    if chosen.command == "compare":
        sys.exit(bool(compare(*chosen.paths)))
    record(chosen.paths[0], chosen.parts.split(","))


if __name__ == "__main__":
    main()
