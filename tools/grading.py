"""Grade submissions whose code is not trusted: nbgrader's autograde step, with the student's code in a sandbox.

nbgrader runs a submission and its tests in one process, where the submission can rewrite the tests. Here the code of the student runs in a
sandbox (`tools.sandbox`), and the tests run outside, in a process that has limits too (`Judge`). A name that a test takes from the student
stands for a request to the sandbox: the arguments go in and the result comes out as plain data, and is compared where the student's code
never runs. As in a notebook that is run from top to bottom, each test sees what the cells above it have left.
"""

import ast
import base64
import builtins
import contextlib
import functools
import io
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Float, Int

from tools import handed_in, mistakes, sandboxed, seeds
from tools.feedback import about
from tools.sandbox import MAX_REPLY, Sandbox, StoppedError

TOO_LATE = "AssertionError: the submission's time was used up before this check."
MAX_BESIDE = 10_000_000  # bytes of the files that are handed in beside a notebook


def wanted_names(source: str, known: dict) -> list[str]:
    """The names that a test takes from the student: those that nobody else defines."""
    nodes = list(ast.walk(ast.parse(source)))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    read = dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return [name for name in read if not (name in known or name in own or hasattr(builtins, name))]


def asked_value(ask: Callable[[dict], bytes], request: dict) -> object:
    """Ask the student's program for a value.

    Raises:
        AssertionError: there is none, because the student's code failed or its result is no plain data.
    """
    try:
        reply = json.loads(ask(request))
        if "error" in reply:
            raise AssertionError(f"your code stopped with {str(reply['error'])[:500]}")
        return sandboxed.decode(reply.get("value"))
    except (ValueError, TypeError, RecursionError) as error:
        raise AssertionError(f"what your code returned cannot be read: {error}") from None


def students(name: str, ask: Callable[[dict], bytes]) -> object:
    """What a test sees under a name of the student's: a value, or a function that is called in the sandbox."""
    kind = asked_value(ask, {"kind": name})
    if kind == "missing":
        raise AssertionError(f"{name} is not defined, expected it in the cell before this check.")
    if kind == "value":
        return asked_value(ask, {"get": name})

    def called(*args: object, **kwargs: object) -> object:
        return asked_value(ask, {"call": name, "args": sandboxed.encode(args), "kwargs": sandboxed.encode(kwargs)})

    return called


def check(source: str, known: dict, ask: Callable[[dict], bytes]) -> dict:
    """Run a test outside the sandbox. Returns what it printed and, if it failed, its error."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            mine = known | {name: students(name, ask) for name in wanted_names(source, known)}
            exec(compile(source, "check", "exec"), mine)
        except MemoryError:
            return {"printed": printed.getvalue(), "error": "AssertionError: what your code returned is too large to be compared."}
        except Exception as error:
            return {"printed": printed.getvalue(), "error": f"{type(error).__name__}: {error}"}
    return {"printed": printed.getvalue()}


def generators(source: str, known: dict) -> dict:
    """The states of the random generators that a given cell draws from, so that a student who draws from them too does no harm."""
    read = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    return {name: known[name].bit_generator.state for name in read & known.keys() if hasattr(known[name], "bit_generator")}


def sit(pipe: Connection, locked: dict[str, str], tests: set[str], bytes_more: int) -> None:
    """What the judge's process does: run what is given, then one test for each name that it is sent."""
    import resource  # Windows has none, and no sandbox either

    held = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (held + bytes_more,) * 2)
    known: dict = {}
    before: dict[str, dict] = {}
    states = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, source in locked.items():
            if name in tests:
                before[name] = known.copy()
            else:
                states[name] = generators(source, known)
                exec(compile(source, "given", "exec"), known)
    pipe.send(states)

    def ask(request: dict) -> bytes:
        pipe.send(("ask", json.dumps(request).encode()))
        return pipe.recv()

    while question := pipe.recv():
        if isinstance(question, mistakes.Probe):
            pipe.send(("mistake", mistakes.recognised(question, functools.partial(asked_value, ask))))
        else:
            pipe.send(("verdict", check(locked[question], before[question], ask)))


class Clock:
    """Seconds that count against a submission: as for its program, at most one between two looks, of which there are ten a second."""

    def __init__(self) -> None:
        self.counted, self.looked = 0.0, time.monotonic()

    def __call__(self) -> float:
        now = time.monotonic()
        self.counted += min(1.0, now - self.looked)
        self.looked = now
        return self.counted


clock = Clock()


class Judge:
    """Runs what is given and the tests, in a process of its own with limits: what a student's code returns may be huge.

    Args:
        locked: the instructor's given cells and tests by name, in their order.
        tests: the names of those that are tests.
        seconds: how long a test may think between two questions to the student's code.
        megabytes: how much memory it may take for the answers.
        probe: for a test that has failed, what to ask to recognise the mistake.
    """

    def __init__(
        self,
        locked: dict[str, str],
        tests: set[str],
        seconds: float,
        megabytes: int,
        probe: Callable[[str], mistakes.Probe | None] = lambda name: None,
    ) -> None:
        self.locked, self.tests, self.seconds, self.megabytes, self.probe = locked, tests, seconds, megabytes, probe
        self.states = self.start()

    def start(self) -> dict:
        # A fork, because NumPy and what else the given cells need would otherwise be imported for each student anew.
        for source in self.locked.values():
            imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), "given", "exec"), {})
        process = multiprocessing.get_context("fork")
        self.pipe, theirs = process.Pipe()
        self.process = process.Process(target=sit, args=(theirs, self.locked, self.tests, self.megabytes * 2**20), daemon=True)
        self.process.start()
        theirs.close()
        return self.pipe.recv()

    def verdict(self, name: str, ask: Callable[[bytes], bytes], watch: Callable[[], None]) -> dict:
        """Run a test. Returns what it printed and, if it failed, its error, and the mistake if it is a known one.

        Args:
            name: the test's.
            ask: sends a request to the student's program and returns its answer.
            watch: looks at the student's program while the test is thinking.

        Raises:
            StoppedError: the student's program is gone; the test is given up.
        """
        started = time.monotonic()
        result = self._questioned(name, ask, watch)
        result["seconds"] = time.monotonic() - started
        if "error" in result and (probe := self.probe(name)):
            result["mistake"] = self._questioned(probe, ask, watch)
        return result

    def _questioned(self, question: str | mistakes.Probe, ask: Callable[[bytes], bytes], watch: Callable[[], None]) -> dict | str | None:
        try:
            self.pipe.send(question)
            while True:
                deadline = clock() + self.seconds
                while not self.pipe.poll(0.1):
                    watch()
                    if clock() > deadline:
                        raise EOFError
                kind, content = self.pipe.recv()
                if kind != "ask":
                    return content
                self.pipe.send(ask(content))
        except (EOFError, ConnectionError):
            self.restart()
            return {"error": "AssertionError: what your code returned is too large to be compared."} if isinstance(question, str) else None
        except StoppedError:
            self.restart()
            raise

    def restart(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Submission:
    """A student's notebook, run from top to bottom: cells in a sandbox, and a test where it stands, when the cells above it have run.

    A cell that stops the program is left out, and the others are run again without it.

    Args:
        steps: each code cell's name, if it has one, and source, in the notebook's order.
        judge: runs the tests.
        start: makes a sandbox.
        seconds: how long all may take.
    """

    def __init__(self, steps: list[tuple[str | None, str]], judge: Judge, start: Callable[[], Sandbox], seconds: float) -> None:
        self.steps, self.judge, self.start = steps, judge, start
        self.deadline = clock() + seconds
        self.results: list[dict | None] = [None] * len(steps)
        self.stoppers: set[int] = set()
        while clock() < self.deadline and self._run_on():
            pass
        for number, (name, _) in enumerate(steps):
            if self.results[number] is None:
                self.results[number] = {"error": TOO_LATE} if name in judge.tests else {}

    def _run_on(self) -> bool:
        """Run from the first cell to the last. Returns whether a cell or a test has stopped the program on the way."""
        sandbox = self.start()
        try:
            for number, (name, source) in enumerate(self.steps):
                sandbox.seconds = min(sandbox.seconds, self.deadline - clock())
                if sandbox.seconds <= 0:
                    return False
                if number in self.stoppers or (name in self.judge.tests and self.results[number] is not None):
                    continue
                try:
                    self.results[number] = self._step(sandbox, name, source)
                except StoppedError as stop:
                    words = "AssertionError: your code was stopped" if name in self.judge.tests else "Stopped"
                    self.results[number] = {"error": f"{words}: {stop}."}
                    self.stoppers.add(number)
                    return True
            return False
        finally:
            sandbox.close()

    def _step(self, sandbox: Sandbox, name: str | None, source: str) -> dict:
        if name not in self.judge.tests:
            return sandbox.ask(run=source, generators=self.judge.states.get(name, {}))

        def ask(request: bytes) -> bytes:
            return sandbox.exchange(request, min(sandbox.seconds, self.deadline - clock()), MAX_REPLY)

        return self.judge.verdict(name, ask, sandbox.watch)


class SandboxExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's own Execute in the autograde step."""

    seconds_per_cell = Float(20.0, help="How long a cell, or a call from a test, may take.").tag(config=True)
    seconds = Float(120.0, help="How long a submission may take altogether.").tag(config=True)
    megabytes = Int(2000, help="How much memory a submission may hold.").tag(config=True)
    processes = Int(32, help="How many processes a submission may start.").tag(config=True)
    course_seed = Int(None, allow_none=True, help="The seed from which each student's own follows; none if all have the same.").tag(
        config=True
    )
    trust = Bool(False, help="Grade without a sandbox where bubblewrap is missing.").tag(config=True)

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        who = resources["nbgrader"]
        with Gradebook(who["db_url"]) as gradebook:
            stored = gradebook.find_notebook(who["notebook"], who["assignment"])
            # What runs outside comes from the gradebook alone, in the instructor's order, whatever the submission's cells say of themselves.
            locked = {cell.name: cell.source for cell in stored.source_cells if cell.locked and cell.cell_type == "code"}
            tests = {cell.name for cell in stored.grade_cells} & locked.keys()
        seed = None if self.course_seed is None else seeds.of(self.course_seed, who["student"])
        if seed is not None:
            locked = {name: seeds.put(source, seed) for name, source in locked.items()}
            for cell in nb.cells:
                cell.source = seeds.put(cell.source, seed) if grade_id(cell) in locked else cell.source
        files = beside(handed_in.find(Path("submitted", who["student"]), who["assignment"]).parent)

        def start() -> Sandbox:
            return Sandbox(self.seconds_per_cell, self.megabytes, self.processes, self.trust, files)

        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        source = Path("source", who["assignment"], f"{who['notebook']}.ipynb").resolve()
        judge = Judge(locked, tests, self.seconds_per_cell, self.megabytes, functools.partial(mistakes.probe, source, seed=seed))
        try:
            submission = Submission([(grade_id(cell), cell.source) for cell in code], judge, start, self.seconds)
        finally:
            judge.close()
        for cell, result in zip(code, submission.results, strict=True):
            cell.outputs = outputs(result)
            if grade_id(cell) not in tests:
                continue
            cell.metadata["grading"] = {"seconds": result.get("seconds", 0.0), "mistake": result.get("mistake")}
            if what := result.get("mistake"):
                hint = new_markdown_cell(mistakes.hint(who["assignment"], grade_id(cell), what))
                nb.cells.insert(nb.cells.index(cell) + 1, hint)
        return nb, resources


def beside(folder: Path) -> dict[str, bytes]:
    """The small files beside a notebook, by their path below its folder."""
    found, room = {}, MAX_BESIDE
    for path in sorted(folder.rglob("*")):
        if not handed_in.is_own(path, folder) or path.suffix == ".ipynb" or path.name == "timestamp.txt":
            continue
        if (size := path.stat().st_size) <= room:
            room -= size
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def failed_given(nb: nbformat.NotebookNode) -> list[str]:
    """Given cells that did not run, in sentences: the student's code above may be the reason, or a machine that has too much to do."""
    given = [cell for cell in nb.cells if about(cell).get("locked") and not about(cell)["grade"] and cell.cell_type == "code"]
    return [f"{grade_id(cell)} failed: {output.evalue}" for cell in given for output in cell.outputs if output.output_type == "error"]


def grade_id(cell: nbformat.NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def readable(text: object) -> str:
    """A text from the student's program, cut to a length, and without what cannot be stored in a file."""
    return str(text)[: sandboxed.MAX_TEXT].encode("utf-8", "replace").decode()


def outputs(result: dict) -> list[nbformat.NotebookNode]:
    """A code cell's outputs: what it printed, displayed and its error. All of it may come from the student."""
    found = []
    if printed := result.get("printed"):
        found.append(new_output("stream", name="stdout", text=readable(printed)))
    for item in shown if isinstance(shown := result.get("shown"), list) else []:
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError):
            if picture := item.get("picture"):
                picture = base64.b64encode(base64.b64decode(picture, validate=True)).decode()
                found.append(new_output("display_data", {"image/png": picture}))
            else:
                found.append(new_output("display_data", {"text/plain": readable(item["text"])}))
    if result.get("error"):
        kind, _, text = readable(result["error"]).partition(": ")
        found.append(new_output("error", ename=kind, evalue=text, traceback=[f"{kind}: {text}"]))
    return found
