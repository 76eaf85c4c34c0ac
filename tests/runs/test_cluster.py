"""The cluster: addresses, what a node must have, lost workers; and real nodes, one killed."""

import collections
import contextlib
import os
import pathlib
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

import psutil
import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import cluster, cluster_executor, cluster_worker, executor, files, jobs
from tests import toy

pytest.importorskip("ray", reason="Ray is an extra of its own")

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 150


# Addresses.


@pytest.mark.parametrize(
    "address", ["local", "auto", "10.0.0.1:6379", "ray://head.example:10001", "[::1]:6379"]
)
def test_an_address_names_a_cluster(address):
    cluster.check_address(address)


@pytest.mark.parametrize(
    "address",
    ["", "somewhere", "host:0", "host:65536", "host:6379\n", "http://host:1", "a" * 254 + ":1"],
)
def test_any_other_text_is_refused_on_one_line(address):
    with pytest.raises(SuiteError, match="--cluster takes local, auto, or the address") as received:
        cluster.check_address(address)
    assert "\n" not in str(received.value)


def test_where_nothing_listens_is_said_at_once():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        refused = pytest.raises(SuiteError, match=f"start a cluster there: .*--port={port}")
        with refused, cluster.connect(f"127.0.0.1:{port}"):
            pass


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refused = pytest.raises(SuiteError, match=r'pip install -e "\.\[cluster\]"')
    with refused, cluster.connect("local"):
        pass


# What a node must have.


PACKAGE = ROOT / "experiments"
# Rows depend on these folders with all below them, and on the file.
NEEDED = ("__init__.py", "cases", "stats", "training", "runs")
MODULES_OF_ROWS = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] in NEEDED
)
OTHERS = sorted(
    path.relative_to(PACKAGE).as_posix()
    for folder in ("analysis", "report", "publish", "check", "cli", "benchmark")
    for path in (PACKAGE / folder).rglob("*.py")
)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Returns a copy of the package."""
    copy = tmp_path_factory.mktemp("copy") / "experiments"
    return shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))


def digest_of(root):
    return files.digest(repr(cluster_worker.sources.__wrapped__(root)))


@contextlib.contextmanager
def edited(path):
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "# edited\n", encoding="utf-8")
    yield
    path.write_text(text, encoding="utf-8")


def test_every_folder_of_the_package_is_named_here():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == {name.split("/")[0] for name in [*MODULES_OF_ROWS, *OTHERS] if "/" in name}


def test_the_digest_is_that_of_the_modules_and_not_of_their_place(copied):
    assert digest_of(copied) == files.digest(repr(cluster_worker.sources()))


@pytest.mark.parametrize("name", MODULES_OF_ROWS)
def test_editing_a_module_that_rows_depend_on_changes_the_digest(copied, name):
    before = digest_of(copied)
    with edited(copied / name):
        assert digest_of(copied) != before


def test_editing_what_only_reads_rows_does_not(copied):
    before = digest_of(copied)
    for name in OTHERS:
        with edited(copied / name):
            assert digest_of(copied) == before


def test_a_node_like_this_one_is_not_refused():
    ours = cluster_worker.facts(["tests.toy"])
    assert cluster_worker.refusal("node a", cluster_worker.facts(["tests.toy"]), ours) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keras", "it has keras 0.1, not "),
        ("tests.toy", "another tests.toy; run `git pull`"),
        (cluster_worker.SOURCES, "another version of the suite;"),
    ],
)
def test_a_node_that_differs_is_named_with_what_mends_it(name, words):
    ours = cluster_worker.facts(["tests.toy"])
    received = cluster_worker.refusal("node a", ours | {name: "0.1"}, ours)
    assert received.startswith("node a takes no part: it has ")
    assert words in received


def test_a_module_that_a_node_lacks_has_no_digest():
    assert cluster_worker.facts(["tests.nowhere"])["tests.nowhere"] == cluster_worker.ABSENT


class Exits:
    """What ends the thread that unpacks it."""

    def __reduce__(self):
        return sys.exit, (3,)


def test_a_case_that_ends_its_thread_is_heard_of():
    desk = cluster_worker.RemoteWorker()
    desk.give(pickle.dumps(Exits()), None)
    [(kind, error)] = desk.receive()
    assert (kind, str(error)) == ("failed", "SystemExit: 3")


# Workers that come, go, and are lost: a cluster of the test's own, without a process.


def some_units(number):
    case = toy.CASE
    arms = {"broken": case.broken}
    return [jobs.Job(case, arms, (seed,), 2, "engine") for seed in range(number)]


MODULES = ["tests.toy"]


class Lost(Exception):
    """What this cluster raises for a lost worker."""


class Call:
    """A method of a worker, as Ray wraps it."""

    def __init__(self, function):
        self.remote = function


class Hand:
    """A worker of this cluster; it remembers the unit that it was given."""

    given = None


class Fake:
    """A cluster whose workers do as `act` says.

    Args:
        nodes: `{name: cores}`, by names of one letter, a to f.
        act: Function `(unit, saved) -> list of (kind, value)`, or it raises `Lost`.
        facts: Function `(node) -> what its workers say they have`.
    """

    exceptions = types.SimpleNamespace(RayError=Lost)
    cloudpickle = pickle

    def __init__(self, nodes, act, facts=None):
        self.cores, self.act = nodes, act
        self.facts = facts or (lambda node: cluster_worker.facts(MODULES))
        self.hired, self.living, self.most = collections.Counter(), [], 0

    def nodes(self):
        alive = {"Alive": True}
        return [
            alive | {"NodeID": 56 * n, "NodeManagerAddress": n, "Resources": {"CPU": float(c)}}
            for n, c in self.cores.items()
        ]

    def remote(self, _):
        return self

    def options(self, scheduling_strategy, **how):
        assert how == {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        return types.SimpleNamespace(remote=lambda: self._hire(scheduling_strategy.node_id[0]))

    def _hire(self, node):
        worker = Hand()
        worker.facts = Call(lambda *_: (worker, lambda: self.facts(node)))
        worker.give = Call(lambda *given: setattr(worker, "given", given))
        worker.receive = Call(lambda: (worker, lambda: self.act(*self._given(worker))))
        self.hired[node] += 1
        self.living.append(worker)
        self.most = max(self.most, len(self.living))
        return worker

    def _given(self, worker):
        data, saved = worker.given
        return pickle.loads(data), saved

    def wait(self, refs, timeout):
        # The one hired last is heard first.
        return refs[-1:], refs[:-1]

    def get(self, ref):
        worker, call = ref
        assert worker in self.living
        return call()

    def kill(self, worker):
        self.living.remove(worker)


def train(fake, number, state=lambda job: None, most=None):
    choose_executor = cluster_executor.ClusterExecutor(fake, most)
    received = [
        (u.seeds[0], kind, value)
        for u, kind, value in choose_executor.run(some_units(number), state)
    ]
    assert fake.living == []
    return received


def ends(received):
    return {seed: kind for seed, kind, _ in received if kind in ("done", "failed")}


def test_every_unit_ends_once_and_the_cluster_is_named():
    received = train(Fake({"a": 2, "b": 1}, lambda job, _: [("advance", 5), ("done", job.name)]), 7)
    assert ("message", "2 nodes, 3 cores") == received[0][1:]
    done = [seed for seed, kind, _ in received if kind == "done"]
    assert sorted(done) == list(range(7))


def test_there_is_a_worker_a_core_and_none_without_a_unit():
    many, few, one = (Fake({"a": 2, "b": 2}, lambda *_: [("done", 0)]) for _ in range(3))
    train(many, 9)
    train(few, 2)
    train(one, 9, most=1)
    assert (many.most, few.most, one.most) == (4, 2, 1)
    # One on every node before a second on any.
    assert few.hired == {"a": 1, "b": 1}


def test_a_lost_units_next_worker_goes_on_from_its_last_state():
    given, saved = [], {}

    def act(job, state):
        given.append(state)
        if len(given) == 1:
            return [("state", b"half-way")]
        if len(given) == 2:
            raise Lost("the node died")
        return [("done", None)]

    choose_executor = cluster_executor.ClusterExecutor(Fake({"a": 1}, act))
    for job, kind, value in choose_executor.run(some_units(1), lambda job: saved.get(job.name)):
        if kind == "state":
            saved[job.name] = value
    assert given == [None, None, b"half-way"]


def test_a_unit_lost_again_and_again_fails_and_stops_no_other():
    tried = collections.Counter()

    def act(job, _):
        tried[job.seeds[0]] += 1
        if job.seeds[0] == 1:
            raise Lost("killed for want of memory")
        return [("done", None)]

    received = train(Fake({"a": 1}, act), 3)
    assert ends(received) == {0: "done", 1: "failed", 2: "done"}
    assert tried == {0: 1, 1: executor.MOST_TRIES, 2: 1}
    (error,) = [value for _, kind, value in received if kind == "failed"]
    assert isinstance(error, SuiteError)
    assert "lost 3 times" in str(error) and "killed for want of memory" in str(error)


def test_a_worker_is_replaced_after_its_last_program(monkeypatch):
    monkeypatch.setattr(cluster_executor, "MOST_PROGRAMS", 1)
    fake = Fake({"a": 1}, lambda *_: [("done", 0)])
    train(fake, 5)
    assert fake.hired["a"] == 5


def test_a_node_that_differs_takes_no_part_and_the_others_go_on():
    ours = cluster_worker.facts(MODULES)
    fake = Fake({"a": 1, "b": 2}, lambda *_: [("done", 0)], lambda n: ours if n == "a" else {})
    received = train(fake, 4)
    assert set(ends(received).values()) == {"done"} and len(ends(received)) == 4
    (words,) = [
        value for _, kind, value in received if kind == "message" and "takes no part" in value
    ]
    assert words.startswith("node b takes no part: it has not this suite")


def test_where_every_node_differs_the_run_is_refused():
    fake = Fake({"a": 1, "b": 1}, lambda *_: [("done", 0)], lambda n: {})
    with pytest.raises(SuiteError, match="node a takes no part.*node b takes no part"):
        train(fake, 2)


def test_a_node_where_no_worker_starts_is_given_up():
    def facts(node):
        raise Lost("no such program")

    with pytest.raises(SuiteError, match="no worker starts. Received: no such program"):
        train(Fake({"a": 1}, None, facts), 2)


def test_a_node_that_joins_in_the_middle_takes_part(monkeypatch):
    monkeypatch.setattr(cluster_executor, "SECONDS_BETWEEN_POLLS", 0.0)
    nodes = {"a": 1}

    def act(job, _):
        nodes["b"] = 1
        return [("done", None)]

    fake = Fake(nodes, act)
    received = train(fake, 6)
    assert fake.hired["b"] == 1
    assert [value for _, kind, value in received if kind == "message"][-1] == "2 nodes, 2 cores"


# Real nodes. A case in a script of its own travels to them by value.

SCRIPT = '''
import dataclasses
import pathlib
import sys

from experiments import Case, Regression, Setup, Solved, fix
from experiments.cases import plans
from experiments.runs import cluster, runner, jobs, executor
from experiments.runs.store import Store


@dataclasses.dataclass(frozen=True)
class Own(Setup):
    learning_rate: float = 0.01
    batch_size: int = 5
    epochs: int = 1500
    num_samples: int = 50


def target(x):
    return x * (1 - x)


def data(s, rng, size):
    x = rng.random((*size, 1))
    return x, target(x)


def model(s):
    import keras

    if s.learning_rate < 0:
        raise ValueError("no such rate")
    # In the worker, wherever it is: every pass may leave a state behind.
    jobs.SECONDS_BETWEEN_CHECKPOINTS = 0.2
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, "tanh")])
    network.add(keras.layers.Dense(1))
    network.compile(keras.optimizers.Adam(s.learning_rate), "mse")
    return network


CASE = Case(
    name="own",
    shows="A slow fit.",
    symptom="slow",
    source="ours",
    data=data,
    model=model,
    task=Regression(target),
    solved=Solved("r2", above=0.95),
    broken=Own(),
    fixes={"faster": fix("the rate is small", learning_rate=0.05)},
    block_width=4,
)


class Told:
    """Prints what an executor yields, and passes on what the runner needs."""

    def __init__(self, chosen):
        self.choose_executor = chosen

    def run(self, work, state):
        for job, kind, value in self.choose_executor.run(work, state):
            print(kind, job.name, value if kind == "message" else "", flush=True)
            if kind != "message":
                yield job, kind, value


def train(chosen):
    store = Store(pathlib.Path(sys.argv[2]), CASE)
    plan = plans.select(CASE, "broken,fixed")
    print(runner.train(CASE, plan, list(range(8)), store, choose_executor=lambda _: Told(chosen)))


if __name__ == "__main__":
    if sys.argv[1] == "threads":
        train(executor.ThreadExecutor(2))
    else:
        with cluster.connect(sys.argv[1]) as chosen:
            train(chosen)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the script, and what it stores when threads train."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_case.py").write_text(SCRIPT)
    lines = list(run(folder, "threads", "threads"))
    assert lines[-1] == "(16, 0)"
    return folder


def environment(**more):
    return os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"} | more


def start(folder, *words, **more):
    command = [sys.executable, "own_case.py", *words]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    return subprocess.Popen(command, cwd=folder, text=True, env=environment(**more), **how)


def run(folder, *words, **more):
    """Runs the script, yielding its lines."""
    driver = start(folder, *words, **more)
    watch = threading.Timer(SECONDS, driver.kill)
    watch.start()
    try:
        yield from (line.rstrip("\n") for line in driver.stdout)
    finally:
        watch.cancel()
        driver.wait(SECONDS)


def content(folder):
    """Returns every stored file's bytes, lock and index of runs aside."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def ray_node(tmp_path_factory):
    """Returns a function that starts a node of one core; it ends with the test."""
    begun, token = [], {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(16).hex()}
    tool = pathlib.Path(sys.executable).with_name("ray")

    def node(*words, **more):
        folder = tmp_path_factory.mktemp("node")
        command = [tool, "start", "--block", "--num-cpus=1", "--node-ip-address=127.0.0.1", *words]
        with open(folder / "log", "w") as log:
            how = {"stdout": log, "stderr": log, "start_new_session": True}
            process = subprocess.Popen(command, cwd=folder, env=environment(**token, **more), **how)
        begun.append(process)
        while "Ray runtime started" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        return process

    node.token = token
    yield node
    for process in reversed(begun):
        end(process)


def end(process):
    """Kills a node and its workers, as a machine that loses its power."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    process.wait(SECONDS)


def head(ray_node):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray_node("--head", f"--port={port}", "--include-dashboard=false")
    return f"127.0.0.1:{port}"


@pytest.mark.slow
def test_a_script_of_ones_own_on_this_machines_cluster_stores_the_same_bytes(place, tmp_path):
    lines = list(run(place, "local", str(tmp_path / "a")))
    assert lines[-1] == "(16, 0)", lines[-5:]
    assert any(line.startswith("message") and "1 node, " in line for line in lines)
    assert content(tmp_path / "a") == content(place / "threads")


@pytest.fixture
def short():
    """A folder with a short name: a socket's path has about a hundred letters."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def alternate(saved):
    return len(saved) > 2 and saved[-1] != saved[-2] and saved[-1] in saved[:-2]


@pytest.mark.slow
def test_a_node_killed_in_the_middle_changes_no_byte(place, tmp_path, ray_node):
    address = head(ray_node)
    doomed, lines, saved = ray_node(f"--address={address}"), [], []
    for line in run(place, address, str(tmp_path / "a"), **ray_node.token):
        lines.append(line)
        saved += [line] if line.startswith("state ") else []
        # A state of one unit between two of another: each of the two nodes trains one.
        if doomed.poll() is None and alternate(saved):
            end(doomed)
    assert lines[-1] == "(16, 0)", lines[-5:]
    assert any(line.startswith("message") and "2 nodes, 2 cores" in line for line in lines)
    assert any(line.startswith("message") and "was lost; another trains" in line for line in lines)
    assert content(tmp_path / "a") == content(place / "threads")


@pytest.mark.slow
def test_a_node_with_another_version_of_the_suite_takes_no_part(place, tmp_path, ray_node):
    other = tmp_path / "other" / "experiments"
    shutil.copytree(ROOT / "experiments", other)
    with open(other / "training" / "engine.py", "a") as file:
        file.write("# An older version.\n")
    address = head(ray_node)
    ray_node(f"--address={address}", PYTHONPATH=str(other.parent))
    lines = list(run(place, address, str(tmp_path / "a"), **ray_node.token))
    assert lines[-1] == "(16, 0)", lines[-5:]
    assert [line for line in lines if "takes no part: it has another version of the suite" in line]
    assert content(tmp_path / "a") == content(place / "threads")


@pytest.mark.slow
def test_stopped_from_the_keyboard_it_leaves_no_process_behind(place, tmp_path, short):
    driver = start(place, "local", str(tmp_path / "a"), TMPDIR=str(short))
    for line in driver.stdout:
        if line.startswith("state "):
            family = psutil.Process(driver.pid).children(recursive=True)
            # To the whole terminal, as Ctrl-C is.
            os.killpg(driver.pid, signal.SIGINT)
            break
    assert family
    rest = driver.stdout.read()
    assert driver.wait(SECONDS) != 0
    assert "Stopped" in rest
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert list(short.iterdir()) == []
