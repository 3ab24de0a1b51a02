"""Grade submissions whose code is not trusted: nbgrader's autograde step, with the student's code in a sandbox.

nbgrader runs a submission and its tests in one process, where the submission can rewrite the tests. Here the code of the student runs in a
process of its own, in a sandbox made by bubblewrap: without a network, with a read-only system of which it sees the Python packages and
nothing else, with an empty folder for its files, and with limits on time, memory and processes. The tests run outside. A name that a test
takes from the student stands for a request to the sandbox: the arguments go in and the result comes out as plain data, and is compared
where the student's code never runs.
"""

import ast
import builtins
import contextlib
import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Float, Int

import physnets
from tools import sandboxed

MAX_REPLY = 50_000_000  # bytes
MAX_FILES = 200_000_000  # bytes that a submission may write
NO_BWRAP = "bubblewrap is not installed (on Debian: apt-get install bubblewrap), so nothing was graded; --trust grades without a sandbox."
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/bin:/bin",
    "PHYSNETS_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


class StoppedError(Exception):
    """The student's program ended, or was ended because it went beyond a limit."""


class Sandbox:
    """The student's program: cells are run and functions called in it.

    Args:
        seconds: how long one cell or one call may take.
        megabytes: how much memory all its processes may hold together.
        processes: how many processes it may start.
        trust: run it as an ordinary program, with the limits but without the walls.
    """

    def __init__(self, seconds: float, megabytes: int, processes: int, trust: bool) -> None:
        self.seconds, self.megabytes, self.processes = seconds, megabytes, processes
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        program = [sys.executable, "-I", sandboxed.__file__]
        self.process = subprocess.Popen(
            program if trust else [*walls(), *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder.name,
            env=ENVIRONMENT | {"HOME": self.folder.name} if trust else ENVIRONMENT,
            preexec_fn=self._limit,
            start_new_session=True,
        )

    def _limit(self) -> None:
        import resource  # Windows has none, and no sandbox either

        # Address space is more than memory held; TensorFlow alone reserves gigabytes of it.
        resource.setrlimit(resource.RLIMIT_AS, (2 * self.megabytes * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def ask(self, **request: object) -> dict:
        """Send a request and wait for the answer.

        Raises:
            StoppedError: there is none.
        """
        deadline = time.monotonic() + self.seconds
        line, pipe = b"", self.process.stdout
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            while not line.endswith(b"\n"):
                if select.select([pipe], [], [], 0.1)[0]:
                    line += (part := os.read(pipe.fileno(), 1_000_000))
                    if not part:
                        raise StoppedError("the program ended itself")
                else:
                    self._watch()
                if len(line) > MAX_REPLY:
                    raise StoppedError(f"the answer is longer than {MAX_REPLY} bytes")
                if time.monotonic() > deadline:
                    raise StoppedError(f"it took longer than {self.seconds:g} seconds")
            reply = json.loads(line)
            if not isinstance(reply, dict):
                raise StoppedError("the answer cannot be read")
            return reply
        except BrokenPipeError:
            raise StoppedError("the program ended itself") from None
        except (ValueError, RecursionError):
            raise StoppedError("the answer cannot be read") from None

    def _watch(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True)
            if len(family) > self.processes:
                raise StoppedError(f"it started more than {self.processes} processes")
            held = 0
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += member.memory_info().rss
            if held > self.megabytes * 2**20:
                raise StoppedError(f"it took more than {self.megabytes} MB of memory")

    def close(self) -> None:
        """End the program and all that it has started, and remove its files."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for member in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()


def walls() -> list[str]:
    """The command that builds the sandbox.

    Raises:
        FileNotFoundError: bubblewrap is missing.
    """
    if not (bwrap := shutil.which("bwrap")):
        raise FileNotFoundError(NO_BWRAP)
    package = Path(physnets.__file__).parent
    # Where physnets is installed from a clone, of the clone only the package and its data: beside them lie the solutions.
    seen = {sys.prefix, sys.base_prefix, str(package), str(package.parent / "data"), sandboxed.__file__}
    seen |= {"/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts"}
    # The empty /tmp comes first: the clone itself may lie under /tmp, and what is mounted later lies on top.
    own = ["--proc", "/proc", "--dev", "/dev", "--size", str(MAX_FILES), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    binds = [part for path in sorted(seen) for part in ("--ro-bind-try", path, path)]
    limits = [
        "--unshare-all",
        "--unshare-user",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--cap-drop",
        "ALL",
        "--new-session",
        "--die-with-parent",
    ]
    return [bwrap, *limits, *own, *binds]


def without_magics(source: str) -> str:
    """Take out IPython's own commands, which only draw or install."""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


class Submission:
    """A student's cells, run in a sandbox; a cell that stops the program is left out and the others are run again without it."""

    def __init__(self, cells: list[str], start: Callable[[], Sandbox], seconds: float) -> None:
        self.cells, self.start, self.deadline = cells, start, time.monotonic() + seconds
        self.results: list[dict] = [{} for _ in cells]
        self.stoppers: set[int] = set()
        self.sandbox: Sandbox | None = None
        self._run()

    def _run(self) -> None:
        """Run the cells from the first to the last; after a cell that stops the program, once more without that one."""
        while self.sandbox is None and time.monotonic() < self.deadline:
            self.sandbox = self.start()
            for number, source in enumerate(self.cells):
                if number in self.stoppers:
                    continue
                try:
                    self.results[number] = self.sandbox.ask(run=source)
                except StoppedError as stop:
                    self.results[number] = {"error": f"Stopped: {stop}."}
                    self.stoppers.add(number)
                    self.close()
                    break

    def close(self) -> None:
        if self.sandbox:
            self.sandbox.close()
        self.sandbox = None

    def ask(self, **request: object) -> object:
        """Ask for a value; an error of the student's code, and the end of its program, are raised as an AssertionError."""
        if time.monotonic() > self.deadline:
            self.close()
        self._run()
        if self.sandbox is None:
            raise AssertionError("the submission's time was used up before this check.")
        try:
            reply = self.sandbox.ask(**request)
            if "error" in reply:
                raise AssertionError(f"your code stopped with {str(reply['error'])[:500]}")
            return sandboxed.decode(reply.get("value"))
        except StoppedError as stop:
            self.close()
            raise AssertionError(f"your code was stopped: {stop}.") from None
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise AssertionError(f"what your code returned cannot be read: {error}") from None

    def name(self, name: str) -> object:
        """What a test sees under a name of the student's: a value, or a function that is called in the sandbox."""
        kind = self.ask(kind=name)
        if kind == "missing":
            raise AssertionError(f"{name} is not defined, expected it in the cell before this check.")
        if kind == "value":
            return self.ask(get=name)

        def called(*args: object, **kwargs: object) -> object:
            return self.ask(call=name, args=sandboxed.encode(args), kwargs=sandboxed.encode(kwargs))

        return called


def wanted_names(source: str, known: dict) -> list[str]:
    """The names that a test takes from the student: those that nobody else defines."""
    nodes = list(ast.walk(ast.parse(source)))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    read = dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return [name for name in read if not (name in known or name in own or hasattr(builtins, name))]


def check(source: str, known: dict, submission: Submission) -> dict:
    """Run a test outside the sandbox. Returns what it printed and, if it failed, its error."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            mine = known | {name: submission.name(name) for name in wanted_names(source, known)}
            exec(compile(source, "check", "exec"), mine)
        except Exception as error:
            return {"printed": printed.getvalue(), "error": f"{type(error).__name__}: {error}"}
    return {"printed": printed.getvalue()}


class SandboxExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's own Execute in the autograde step."""

    seconds_per_cell = Float(20.0, help="How long a cell, or a call from a test, may take.").tag(config=True)
    seconds = Float(120.0, help="How long a submission may take altogether.").tag(config=True)
    megabytes = Int(2000, help="How much memory a submission may hold.").tag(config=True)
    processes = Int(32, help="How many processes a submission may start.").tag(config=True)
    trust = Bool(False, help="Grade without a sandbox where bubblewrap is missing.").tag(config=True)

    def start(self) -> Sandbox:
        return Sandbox(self.seconds_per_cell, self.megabytes, self.processes, self.trust)

    def preprocess(self, nb: nbformat.NotebookNode, resources: dict) -> tuple[nbformat.NotebookNode, dict]:
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            stored = gradebook.find_notebook(about["notebook"], about["assignment"])
            # What runs outside comes from the gradebook alone, in the instructor's order, whatever the submission's cells say of themselves.
            locked = {cell.name: cell.source for cell in stored.source_cells if cell.locked and cell.cell_type == "code"}
            tests = {cell.name for cell in stored.grade_cells} & locked.keys()
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        inside = [cell for cell in code if grade_id(cell) not in tests]
        submission = Submission([without_magics(cell.source) for cell in inside], self.start, self.seconds)
        try:
            found = {id(cell): outputs(result) for cell, result in zip(inside, submission.results, strict=True)}
            known: dict = {}
            verdicts = {}
            for name, source in locked.items():
                if name in tests:
                    verdicts[name] = outputs(check(source, known, submission))
                else:
                    exec(compile(source, "given", "exec"), known)
        finally:
            submission.close()
        for cell in code:
            cell.outputs = found.get(id(cell)) or verdicts.get(grade_id(cell), [])
        return nb, resources


def grade_id(cell: nbformat.NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def outputs(result: dict) -> list[nbformat.NotebookNode]:
    """A code cell's outputs: what it printed and its error. The texts may come from the student."""
    found = []
    if result.get("printed"):
        found.append(new_output("stream", name="stdout", text=str(result["printed"])[: sandboxed.MAX_TEXT]))
    if result.get("error"):
        kind, _, text = str(result["error"])[: sandboxed.MAX_TEXT].partition(": ")
        found.append(new_output("error", ename=kind, evalue=text, traceback=[f"{kind}: {text}"]))
    return found
