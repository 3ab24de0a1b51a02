"""A sandbox for a student's code, made by bubblewrap.

A program in it has no network, sees a read-only system with the Python packages and nothing else, and has an empty folder for its files.
Its time, memory, processes and files are limited.
"""

import base64
import contextlib
import functools
import json
import os
import random
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

import physnets
from tools import sandboxed

ROOT = Path(__file__).resolve().parents[1]
START = 60  # seconds that the walls and an empty program may take to stand; on a machine with nothing else to do it is half a second
MAX_REPLY = 20_000_000  # bytes of a function's result
MAX_SHOWN = 5_000_000  # bytes of what a cell prints and draws
MAX_FILES = 200_000_000  # bytes that a submission may write
MAX_SHARED = 64_000_000  # bytes of memory that its processes may share
THREADS = 512  # of all its processes together: a wall behind the limit on processes, which is looked at ten times a second
CORES = 2  # TensorFlow reserves memory and starts threads for each core it sees
NOBODY = "65534"
NO_BWRAP = "bubblewrap is not installed (on Debian: apt-get install bubblewrap), so nothing was graded; --trust grades without a sandbox."
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
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
        files: files of the submission, by their path below the program's folder.

    Raises:
        StoppedError: it did not start.
    """

    def __init__(self, seconds: float, megabytes: int, processes: int, trust: bool, files: dict[str, bytes] | None = None) -> None:
        self.seconds, self.megabytes, self.processes = seconds, megabytes, processes
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # Address space is more than memory held; TensorFlow alone reserves gigabytes of it.
        limits = {"AS": 4 * megabytes * 2**20, "FSIZE": MAX_FILES, "CORE": 0}
        if not trust:
            limits["NPROC"] = THREADS  # counted within the walls; without them it would count all that the user runs
        cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
        given = [str(package().parent), json.dumps(limits), json.dumps(random.sample(cores, min(CORES, len(cores))))]
        self.process = subprocess.Popen(
            [*([] if trust else walls()), sys.executable, "-I", sandboxed.__file__, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder.name,
            env=ENVIRONMENT | {"HOME": self.folder.name} if trust else ENVIRONMENT,
            start_new_session=True,
            bufsize=0,
        )
        if sys.platform == "linux":
            os.set_blocking(self.process.stdin.fileno(), False)
        self.asked = self.watched = time.monotonic()
        self.used = 0.0  # seconds of the processor, by all that it has started
        try:
            for name, data in {**fonts(), **(files or {})}.items():
                self.ask(START, file=name, data=base64.b64encode(data).decode())
        except StoppedError:
            self.close()
            raise

    def ask(self, seconds: float | None = None, **request: object) -> dict:
        """Send a request and wait for the answer, as long as a cell may take or another number of seconds.

        Raises:
            StoppedError: there is none.
        """
        with contextlib.suppress(ValueError, RecursionError):
            reply = json.loads(self.exchange(json.dumps(request).encode(), self.seconds if seconds is None else seconds, MAX_SHOWN))
            if isinstance(reply, dict):
                return reply
        raise StoppedError("the answer cannot be read")

    def exchange(self, request: bytes, seconds: float, most: int) -> bytes:
        """Send one line and receive one, within the time and not longer than `most` bytes.

        Raises:
            StoppedError: there is no answer.
        """
        self.asked, self.spent = time.monotonic(), 0.0
        left, reply = memoryview(request + b"\n"), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdin, selectors.EVENT_WRITE)
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not reply.endswith(b"\n"):
                for key, _ in ready.select(0.1):
                    if key.fileobj is self.process.stdout:
                        part = os.read(key.fd, 1_000_000)
                        if not part:
                            raise StoppedError("the program ended itself")
                        reply += part
                        continue
                    try:
                        left = left[os.write(key.fd, left) :]
                    except BrokenPipeError:
                        raise StoppedError("the program ended itself") from None
                    if not left:
                        ready.unregister(key.fileobj)
                self.watch()
                if len(reply) > most:
                    raise StoppedError(f"the answer is longer than {most} bytes")
                if self.spent > seconds:
                    raise StoppedError(f"it took longer than {seconds:g} seconds")
        if left:
            raise StoppedError("it answered before it was asked")
        return bytes(reply)

    def watch(self) -> None:
        """Look at what the program holds and spends, at most ten times a second.

        While it wants to work only the processor's time counts, since the machine may have more to do; while it waits, the clock's. What
        the machine sleeps, or stops the grader for, is not the student's: a second at most counts from one look to the next.

        Raises:
            StoppedError: it holds too much.
        """
        now = time.monotonic()
        if now < self.watched + 0.1:
            return
        held, used, works = 0, 0.0, False
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True)
            if len(family) > self.processes:
                raise StoppedError(f"it started more than {self.processes} processes")
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess), member.oneshot():
                    held += member.memory_info().rss
                    used += sum(member.cpu_times()[:4])  # its own, and that of those it has started and that have ended
                    works |= member.status() == psutil.STATUS_RUNNING
        if held > self.megabytes * 2**20:
            raise StoppedError(f"it took more than {self.megabytes} MB of memory")
        passed = min(1.0, now - max(self.watched, self.asked))
        self.spent += min(passed, max(0.0, used - self.used)) if works else passed
        self.used, self.watched = used, now

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


@functools.cache
def fonts() -> dict[str, bytes]:
    """Matplotlib's list of fonts, which every program would otherwise make anew, for some seconds, before its first figure."""
    import matplotlib.font_manager  # makes the list, if this machine has none yet

    return {f".cache/matplotlib/{path.name}": path.read_bytes() for path in Path(matplotlib.get_cachedir()).glob("fontlist-*.json")}


def package() -> Path:
    return Path(physnets.__file__).parent


def walls() -> list[str]:
    """The command that builds the sandbox.

    Raises:
        FileNotFoundError: bubblewrap is missing.
    """
    if not (bwrap := shutil.which("bwrap")):
        raise FileNotFoundError(NO_BWRAP)
    system = {"/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", sys.prefix, sys.base_prefix}
    # Of the clone only the package and its data, and of the course nothing, wherever they lie: there are the solutions.
    covered = {str(secret) for secret in (ROOT, Path.cwd()) if any(secret.is_relative_to(path) for path in system)}
    mounts = []
    # From the outside in: what is mounted later lies on top.
    for path in sorted({*system, *covered, str(package()), str(package().parent / "data"), sandboxed.__file__}):
        mounts += ["--tmpfs", path] if path in covered else ["--ro-bind-try", path, path]
    closed = [part for path in [*covered, "/dev", "/"] for part in ("--remount-ro", path)]
    # The empty /tmp comes first: the clone itself may lie under /tmp.
    shared = ["--size", str(MAX_SHARED), "--tmpfs", "/dev/shm"]
    own = ["--proc", "/proc", "--dev", "/dev", *shared, "--size", str(MAX_FILES), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    limits = ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL"]
    command = [bwrap, *limits, "--new-session", "--die-with-parent", *own, *mounts, *closed]
    return [*as_nobody(bwrap, mounts), *command] if os.geteuid() == 0 else command


def as_nobody(bwrap: str, mounts: list[str]) -> list[str]:
    """The command that lets root, who owns the devices and /proc/sys, build the walls as nobody.

    Nobody may not enter root's folders, so first comes a room in which all that is needed can be reached.
    """
    paths = [Path(path) for path in mounts if path.startswith("/")]
    parents = sorted({str(parent) for path in paths for parent in path.parents} - {"/"})
    folders = [part for parent in parents for part in ("--dir", parent)]
    room = ["--dev-bind", "/proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *folders, *mounts]
    leave = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--pdeathsig", "KILL"]
    return [bwrap, "--die-with-parent", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", *room, *leave]


def probe() -> None:
    """Build the sandbox once, with nothing in it.

    Raises:
        FileNotFoundError: bubblewrap is missing.
        OSError: bubblewrap cannot work on this machine; its own words are in the message.
    """
    tried = subprocess.run([*walls(), sys.executable, "-I", "-c", ""], capture_output=True, text=True, check=False, cwd="/")
    if tried.returncode:
        raise OSError(f"the sandbox cannot be built here, so nothing was graded: {tried.stderr.strip()}")
