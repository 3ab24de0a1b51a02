"""The walls around a student's program, its limits, and what comes out of it."""

import contextlib
import enum
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from tools import grading, sandbox, sandboxed

ROOT = Path(__file__).resolve().parent.parent
FORK = "import os, time\nfor _ in range({n}):\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)\n"


@pytest.fixture
def box():
    """A sandbox with narrow limits."""
    made = sandbox.Sandbox(seconds=3, megabytes=300, processes=8, trust=False, files={"data/config.json": b"{}"})
    yield made
    made.close()


def left_behind() -> list[psutil.Process]:
    """Students' programs of this process, and such that no grader owns any more, which do not end by themselves."""
    mine = psutil.Process().children(recursive=True)
    orphans = [process for process in psutil.process_iter(["ppid"]) if process.info["ppid"] == 1]
    found = []
    for process in mine + orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [process] if sandboxed.__file__ in process.cmdline() else []
    return psutil.wait_procs(found, timeout=5)[1]


def run(box: sandbox.Sandbox, source: str) -> dict:
    return box.ask(run=source, generators={})


@pytest.mark.parametrize("trust", [False, True])
def test_a_program_is_asked_and_ended(trust):
    made = sandbox.Sandbox(seconds=20, megabytes=500, processes=8, trust=trust)
    assert run(made, "import os\ndef double(x):\n    return 2 * x\nprint(os.getcwd())")["printed"].startswith("/tmp")
    reply = made.ask(call="double", args=sandboxed.encode((np.arange(3.0),)), kwargs=sandboxed.encode({}))
    np.testing.assert_array_equal(sandboxed.decode(reply["value"]), [0, 2, 4])
    made.close()
    assert made.process.returncode is not None and not Path(made.folder.name).exists()


def test_cells_run_as_in_jupyter(box):
    """All of IPython that students use, one after the other; whatever fails is named."""
    cells = [
        'print("%s"\n      % 3)',
        "files = !ls data\nassert files == ['config.json']",
        "import math\nmath.sqrt?",
        "%time cache = {1: 2}\nassert cache == {1: 2}",
        "display(3)",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "import asyncio\nawait asyncio.sleep(0)",
        "%%writefile helper.py\nthree = 3",
        "from helper import three",
        "%%capture shown\nprint(three)",
        "assert shown.stdout.strip() == '3'",
        "%%time\nfour = 4",
        "assert four == 4",
        "def f(x):\n    return x",
        "import inspect\nassert inspect.getsource(f).startswith('def f')",
        "exit()",
    ]
    assert [(cell, reply["error"]) for cell in cells if "error" in (reply := run(box, cell))] == []


def test_what_a_cell_shows_comes_out(box):
    assert run(box, "print('a')\n1 + 1") == {"printed": "a\n", "shown": [{"text": "2"}]}
    assert run(box, "1 / 0")["error"] == "ZeroDivisionError: division by zero (line 1 of the cell)"
    assert run(box, "1 +")["error"] == "SyntaxError: invalid syntax (line 1 of the cell)"


@pytest.mark.browser  # for `make class`: it takes long
def test_a_network_is_trained_within_the_limits(monkeypatch):
    """With the threads of a machine of 64 cores, of which a program sees few: each thread takes address space, of which there is a limit.

    The time that counts here is the processor's, so that what else this machine does at the moment does not matter.
    """
    monkeypatch.setattr(sandbox, "CORES", 1)
    made = sandbox.Sandbox(seconds=300, megabytes=2000, processes=32, trust=False)
    cells = [
        "import os, time\nimport numpy as np\nimport tensorflow as tf\nimport keras\n"
        "tf.config.threading.set_intra_op_parallelism_threads(64)\ntf.config.threading.set_inter_op_parallelism_threads(64)\n"
        "print(time.process_time(), len(os.sched_getaffinity(0)))",
        "network = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(8, 3), keras.layers.Flatten(), keras.layers.Dense(10)])\n"
        "network.compile('adam', keras.losses.SparseCategoricalCrossentropy(from_logits=True))\n"
        "rng = np.random.default_rng(0)\n"
        "history = network.fit(rng.random((1000, 8, 8, 1)), rng.integers(0, 10, 1000), epochs=3, verbose=0)\n"
        "print(time.process_time(), len(history.history['loss']), len(os.listdir('/proc/self/task')))",
    ]
    try:
        replies = [run(made, cell) for cell in cells]
    finally:
        made.close()
    assert [reply for reply in replies if "error" in reply or reply["shown"]] == []
    # Nothing else is printed: what TensorFlow says of itself at its start is no student's.
    (imported, cores), (trained, epochs, threads) = (map(float, reply["printed"].split()) for reply in replies)
    assert cores == 1 and epochs == 3 and threads > 64
    assert imported < 20 and trained - imported < 20


def test_a_program_that_does_not_start_is_ended(monkeypatch):
    monkeypatch.setattr(sandbox, "START", 0.5)
    monkeypatch.setattr(sandbox, "walls", lambda: ["sh", "-c", "exec sleep 1000"])
    with pytest.raises(sandbox.StoppedError, match=r"^it took longer than 0.5 seconds$"):
        sandbox.Sandbox(seconds=20, megabytes=500, processes=8, trust=False)
    assert not [process for process in psutil.Process().children() if process.name() == "sleep"]


def test_while_a_program_works_only_the_processor_counts(box):
    """Two programs on one core get half of it each, which is not the student's fault."""
    core = sorted(os.sched_getaffinity(0))[:1]
    busy = f"import os, time\nos.sched_setaffinity(0, {core})\n"
    rival = subprocess.Popen([sys.executable, "-c", f"{busy}while True:\n    pass"], start_new_session=True)
    work = "begin, used = time.monotonic(), time.process_time()\nwhile time.process_time() < used + {}:\n    pass\nprint(time.monotonic() - begin)"
    try:
        run(box, busy)
        box.seconds = 1
        assert float(run(box, work.format(0.7))["printed"]) > 1.1
        with pytest.raises(sandbox.StoppedError, match=r"^it took longer than 1 seconds$"):
            run(box, work.format(1.5))
    finally:
        rival.kill()
        rival.wait()


def test_time_in_which_the_grader_is_stopped_does_not_count():
    """Both are stopped for longer than a cell may take, as by a machine that sleeps."""
    program = (
        "from tools import sandbox\ns = sandbox.Sandbox(3, 500, 8, False)\nprint('there', flush=True)\n"
        "print(s.ask(run='import time\\ntime.sleep(1)\\nprint(3)', generators={})['printed'], flush=True)\ns.close()"
    )
    grader = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert grader.stdout.readline() == "there\n"
    family = [psutil.Process(grader.pid), *psutil.Process(grader.pid).children(recursive=True)]
    for act in (psutil.Process.suspend, lambda process: time.sleep(3.5 / len(family)), psutil.Process.resume):
        for process in family:
            act(process)
    assert grader.communicate(timeout=20)[0].split() == ["3"]


UNSTOPPED = 60  # seconds that these programs take if nothing stops them, or more
STOPS = {
    "time": ("while True:\n    pass", "it took longer than 3 seconds"),
    "slow answers": (
        "import os, threading, time\ndef drip():\n    while True:\n        for fd in range(3, 9):\n            try:\n                os.write(fd, b' ')\n"
        "            except OSError:\n                pass\n        time.sleep(0.05)\nthreading.Thread(target=drip).start()\ntime.sleep(60)",
        "it took longer than 3 seconds",
    ),
    "memory": (
        "held = []\nwhile True:\n    held.append(bytearray(10**7))\n    sum(held[-1][::4096])",
        "it took more than 300 MB of memory",
    ),
    "memory of many": (
        "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        held = b'x' * 10**8\n        time.sleep(60)\ntime.sleep(60)",
        "it took more than 300 MB of memory",
    ),
    "processes": (FORK.format(n=20) + "time.sleep(60)", "it started more than 8 processes"),
    "a long answer": (
        "import os\nfor fd in range(3, 9):\n    try:\n        while True:\n            os.write(fd, b'x' * 10**6)\n    except OSError:\n        pass",
        "the answer is longer than 5000000 bytes",
    ),
    "the end": ("import os\nos._exit(0)", "the program ended itself"),
}


@pytest.mark.parametrize("what", STOPS)
def test_a_limit_stops_the_program(box, what):
    source, reason = STOPS[what]
    started = time.monotonic()
    with pytest.raises(sandbox.StoppedError, match=f"^{reason}$"):
        run(box, source)
    assert time.monotonic() - started < UNSTOPPED / 2


def test_processes_are_watched_while_answers_drip(box):
    """Output, however steady, keeps nobody from looking."""
    drip = "import os, threading, time\ndef drip():\n    while True:\n        for fd in (3, 4, 5):\n            try:\n                os.write(fd, b' ')\n            except OSError:\n                pass\n        time.sleep(0.02)\nthreading.Thread(target=drip).start()\n"
    with pytest.raises(sandbox.StoppedError, match="it started more than 8 processes"):
        run(box, drip + FORK.format(n=20) + "time.sleep(60)")


def test_processes_have_a_wall_behind_the_limit():
    """Between two looks a program starts no more than the wall lets it."""
    source = "import os, time\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(60)\nexcept OSError as error:\n    print(error)"
    made = sandbox.Sandbox(seconds=20, megabytes=300, processes=8, trust=False)
    made.watched = float("inf")  # nobody looks
    try:
        assert "Resource temporarily unavailable" in run(made, source)["printed"]
        walls = 3  # bubblewrap's own processes
        assert len(psutil.Process(made.process.pid).children(recursive=True)) <= sandbox.THREADS + walls
    finally:
        made.close()


@pytest.mark.parametrize(("answers", "reason"), [(1, "it took longer than 3 seconds"), (2, "it answered before it was asked")])
def test_an_answer_before_the_question_is_none(box, answers, reason):
    """Forged answers, and a question longer than a pipe holds: nobody waits for ever, and what comes before all of it was read is no answer."""
    forged = (
        f'import os, time\nfor _ in range({answers}):\n    for fd in range(3, 9):\n        try:\n            os.write(fd, b\'{{"printed": ""}}\\n\')\n'
        "        except OSError:\n            pass\n    time.sleep(0.5)\ntime.sleep(60)"
    )
    run(box, forged)
    started = time.monotonic()
    with pytest.raises(sandbox.StoppedError, match=f"^{reason}$"):
        box.ask(run="#" + "x" * 1_000_000, generators={})
    assert time.monotonic() - started < UNSTOPPED / 2


def test_there_is_no_room_outside_the_folder(box):
    """Every place that can be written to, and how much fits into it."""
    source = (
        "import os\nfull = []\nfor place in ['/', '/dev', '/dev/shm', '/tmp', '/etc', '/root', '/usr', '/proc/sys/kernel']:\n    try:\n"
        "        with open(f'{place}/x', 'wb') as file:\n            for _ in range(300):\n                file.write(bytes(10**6))\n"
        "        full.append(place)\n    except OSError as error:\n        print(place, os.path.exists(f'{place}/x') and os.path.getsize(f'{place}/x') or 0)\nprint(full)"
    )
    box.seconds, box.megabytes = 20, 2000
    *places, full = run(box, source)["printed"].splitlines()
    held = {place: int(size) for place, size in (line.split() for line in places)}
    assert full == "[]"
    assert held.pop("/dev/shm") <= sandbox.MAX_SHARED and held.pop("/tmp") <= sandbox.MAX_FILES
    assert set(held.values()) == {0}


def test_devices_and_the_kernel_are_not_the_programs_own(box):
    """What belongs to root outside must not belong to the program, above all if root grades."""
    source = (
        "import ctypes, os\nfor act in [lambda: open('/proc/sys/kernel/core_pattern', 'r+'), lambda: open('/proc/sysrq-trigger', 'w'),\n"
        "            lambda: os.chmod('/dev/null', 0o666), lambda: os.setuid(0)]:\n    try:\n        act()\n        print('done')\n"
        "    except OSError:\n        print('refused')\nprint(ctypes.CDLL(None).unshare(0x10000000))"
    )
    assert run(box, source)["printed"].split() == ["refused"] * 4 + ["-1"]
    assert psutil.Process(box.process.pid).children(recursive=True)[-1].uids().real != 0


def test_of_the_clone_only_the_package_is_seen(box):
    source = f"import os\nprint([p for p, _, _ in os.walk({str(ROOT)!r}) if p.count('/') <= {str(ROOT).count('/') + 1}])\nfrom physnets.data import data_path\ndata_path('digits.npz')"
    reply = run(box, source)
    assert "error" not in reply and "assignments" not in reply["printed"] and "tests" not in reply["printed"]


def test_a_clone_below_usr_is_covered(monkeypatch):
    monkeypatch.setattr(sandbox, "ROOT", Path("/usr/share/doc"))  # stands for /usr/src/app
    monkeypatch.setattr(sandbox, "package", lambda: ROOT / "physnets")
    command = sandbox.walls()
    seen = subprocess.run([*command, "/usr/bin/ls", "/usr/share/doc"], capture_output=True, text=True, check=True, cwd="/")
    assert seen.stdout == "" and any(Path("/usr/share/doc").iterdir())
    monkeypatch.chdir("/usr/share")  # stands for a course there
    assert subprocess.run([*sandbox.walls(), "/usr/bin/ls", "/usr/share"], capture_output=True, text=True, check=True).stdout == "doc\n"


def test_nothing_survives_the_grader():
    """Not even a program that ignores signals in a session of its own, when the grader is killed."""
    source = "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n    signal.signal(15, signal.SIG_IGN)\n    time.sleep(1000)\n"
    program = f"from tools import sandbox\ns = sandbox.Sandbox(20, 500, 8, False)\ns.ask(run={source!r}, generators={{}})\nprint('there', flush=True)\nimport time\ntime.sleep(1000)"
    grader = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert grader.stdout.readline() == "there\n"
    family = psutil.Process(grader.pid).children(recursive=True)
    assert len(family) >= 3
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_bubblewrap_that_cannot_work_is_told_in_its_own_words(tmp_path, monkeypatch):
    """As on machines that keep ordinary programs from making namespaces."""
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_: str(broken))
    with pytest.raises(
        OSError, match=r"^the sandbox cannot be built here, so nothing was graded: bwrap: setting up uid map: Permission denied$"
    ):
        sandbox.probe()


class Colour(enum.StrEnum):
    RED = "red"


Net = namedtuple("Net", "c v")

PLAIN = [
    None,
    True,
    3,
    2.5,
    "text",
    [1, [2.0, "x"]],
    (1, 2),
    {"a": [1], 2: (3,)},
    np.arange(6).reshape(2, 3),
    np.array([1 + 2j]),
    np.array(["a", "bc"]),
    float("inf"),
]


def there_and_back(value: object) -> object:
    return sandboxed.decode(json.loads(json.dumps(sandboxed.encode(value))))


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_goes_there_and_back(value):
    back = there_and_back(value)
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.str_("dense"), "dense"),
        (Colour.RED, "red"),
        (Net(1.0, np.zeros(2)), (1.0, [0, 0])),
        ((x for x in (1, 2)), [1, 2]),
        (map(str, (1, 2)), ["1", "2"]),
        ([Fraction(1, 2)], [0.5]),
        (np.array([1, np.zeros(2)], dtype=object), [1, [0, 0]]),
        ({"a": 1}.values(), [1]),
        (np.float32(0.5), 0.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_behaves_like_plain_data_is_plain_data(value, plain):
    back = there_and_back(value)
    assert type(back) in (type(plain), np.float32)
    np.testing.assert_equal(back, plain)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", np.array([object()]), (object(),)], ids=lambda value: type(value).__name__)
def test_what_is_no_plain_data_does_not_go(value):
    with pytest.raises(TypeError, match="is no plain data; expected numbers, texts"):
        sandboxed.encode(value)


def test_an_endless_number_is_an_error_and_no_end(box):
    run(box, "def f():\n    return 10**5000")
    assert "error" in box.ask(call="f", args=sandboxed.encode(()), kwargs=sandboxed.encode({}))


@pytest.mark.parametrize(
    "coded",
    [
        {"array": ["|O8", [1], ""]},
        {"array": ["<f8", [10**12], ""]},
        {"array": ["no type", [1], ""]},
        {"dict": [[{"list": []}, 1]]},
        {"object": 1},
        [1],
    ],
)
def test_what_is_not_plain_is_refused(coded):
    with pytest.raises((ValueError, TypeError)):
        sandboxed.decode(coded)


CHECKS = {"given": "import numpy as np\nrng = np.random.default_rng(1)", "later": "drawn = rng.normal()", "check": "assert f(3) == 3, 'no'"}


def judged(cells: list[tuple[str | None, str]], locked: dict[str, str] = CHECKS, seconds: float = 60, cell: float = 3) -> list[str | None]:
    """The errors of a notebook's steps."""
    judge = grading.Judge(locked, {name for name in locked if name.startswith("check")}, seconds=cell, megabytes=500)
    try:
        submission = grading.Submission(cells, judge, lambda: sandbox.Sandbox(cell, 500, 8, False), seconds)
    finally:
        judge.close()
    return [result.get("error") for result in submission.results]


def test_a_check_sees_what_stands_above_it_and_nothing_else():
    """A name that is used again below, and a cell there that never ends, cost nothing."""
    errors = judged([(None, "def f(x):\n    return x"), ("check", ""), (None, "def f(x):\n    return 0"), (None, "while True:\n    pass")])
    assert errors == [None, None, None, "Stopped: it took longer than 3 seconds."]


def test_cells_above_a_stopper_run_again_and_its_check_fails():
    errors = judged([(None, "def f(x):\n    return 3"), (None, "import os\nos._exit(1)"), ("check", "")])
    assert errors == [None, "Stopped: the program ended itself.", None]


def test_a_submission_ends_when_its_time_is_up():
    started = time.monotonic()
    errors = judged([(None, "import time\ntime.sleep(15)")] * 4 + [("check", "")], seconds=2, cell=20)
    assert errors[-1] == grading.TOO_LATE and time.monotonic() - started < UNSTOPPED / 2


def test_what_a_student_draws_does_not_change_what_is_given():
    locked = CHECKS | {"check": "assert drawn == drawn_by_student(), 'no'"}
    cells = [
        ("given", locked["given"]),
        (None, "rng.normal(size=5)"),
        ("later", locked["later"]),
        (None, "def drawn_by_student():\n    return drawn"),
        ("check", ""),
    ]
    assert judged(cells, locked) == [None] * 5


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        ("import numpy as np\ndef f(x):\n    return np.zeros((500_000, 1), np.int8)", "np.zeros(1000) + f(3)"),
        ("def f(x):\n    return [3]", "found = f(3)\nwhile len(found):\n    pass"),
    ],
    ids=["memory", "time"],
)
def test_a_check_has_limits_too(answer, check):
    """And the next check is made."""
    locked = {"given": CHECKS["given"], "check-1": check, "check-2": "assert f(3) is not None"}
    started = time.monotonic()
    errors = judged([(None, answer), ("check-1", ""), ("check-2", "")], locked)
    assert errors == [None, "AssertionError: what your code returned is too large to be compared.", None]
    assert time.monotonic() - started < UNSTOPPED / 2
