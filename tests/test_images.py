"""The images arrive, or coloured digits in their place, whatever the network, the disk and the files at hand do."""

import errno
import hashlib
import importlib.util
import io
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
from sklearn.linear_model import LogisticRegression

from physnets import images

REAL_COUNTS = images.CIFAR10_COUNTS
# The archive of the tests: six batches as in the real one, each of ten images instead of 10 000.
COUNTS = {"train": 50, "test": 10}


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote: text and bytes as one type, and NumPy's arrays under NumPy 1's name."""

    def save_text(self, text):
        data = text if isinstance(text, bytes) else text.encode("ascii")
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)

    dispatch = pickle._Pickler.dispatch | {bytes: save_text, str: save_text}


def pickled(content) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(content)
    return file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def packed(batches: dict[str, object]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in batches.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            data = pickled(content)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


class Trap:
    """Unpickled, it leaves a folder named `sprung` in the current folder."""

    def __reduce__(self):
        return os.mkdir, ("sprung",)


rng = np.random.default_rng(1)
# As the archive has them: the red plane of an image, then the green, then the blue.
PLANES = rng.integers(0, 256, (60, 3, 32, 32), dtype=np.uint8)
LABELS = rng.permutation(np.arange(60) % 10)
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
ARCHIVE = packed(
    {
        name: {"data": PLANES[10 * i : 10 * i + 10].reshape(10, 3072), "labels": LABELS[10 * i : 10 * i + 10].tolist()}
        for i, name in enumerate(NAMES)
    }
)
WRONG = packed(dict.fromkeys(NAMES, Trap()))


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next deed of the server's plan, and with the last one ever after."""

    def do_GET(self):
        plan = self.server.plan
        self.server.seen.append(self.path)
        getattr(self, plan.pop(0) if len(plan) > 1 else plan[0])()

    def head(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def right(self):
        self.head(self.server.body)
        self.wfile.write(self.server.body)

    def slow(self):
        self.head(self.server.body)
        for piece in np.array_split(np.frombuffer(self.server.body, np.uint8), 10):
            self.wfile.write(piece.tobytes())
            time.sleep(0.15)

    def together(self):
        self.server.pair.wait()
        self.right()

    def cut(self):
        self.head(self.server.body)
        self.wfile.write(self.server.body[: len(self.server.body) // 2])

    def stalled(self):
        self.cut()
        self.wfile.flush()
        self.silent()

    def silent(self):
        self.server.over.wait(10)

    def wrong(self):
        self.head(WRONG)
        self.wfile.write(WRONG)

    def forbidden(self):
        self.send_error(403)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server on this machine; `plan` is what it does, `seen` the paths asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.plan, server.seen, server.body = ["right"], [], ARCHIVE
        server.over, server.pair = threading.Event(), threading.Barrier(2, timeout=20)
        server.url = f"http://127.0.0.1:{server.server_port}/files/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, server):
    """A folder with everything the loader may touch; the network is the server, one attempt, and a second's patience."""
    for name in ("cache", "temporary", "shared"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(images, "CIFAR10_COUNTS", COUNTS)
    monkeypatch.setattr(images, "CIFAR10_URL", server.url + "cifar-10-python.tar.gz")
    monkeypatch.setattr(images, "CIFAR10_SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    monkeypatch.setattr(images, "TIMEOUT", 1)
    monkeypatch.setattr(images, "RETRIES", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PHYSNETS_OFFLINE", raising=False)
    monkeypatch.delenv("PHYSNETS_DATA", raising=False)
    return tmp_path


def files(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def told(capsys) -> list[str]:
    """What the loader said on stderr: progress bars aside, at most one line."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "physnets" in line]
    assert all(line.startswith("physnets: ") and line.endswith(".") for line in lines)
    assert len(lines) <= 1
    return lines


def check(loaded: images.Cifar10, source: str, planes=PLANES):
    assert (loaded.source, loaded.real) == (source, True)
    np.testing.assert_array_equal(np.concatenate([loaded.x_train, loaded.x_test]), np.moveaxis(planes, 1, -1))
    np.testing.assert_array_equal(np.concatenate([loaded.t_train, loaded.t_test]), LABELS)
    assert [len(part) for part in (loaded.x_train, loaded.t_train, loaded.x_test, loaded.t_test)] == [50, 50, 10, 10]
    assert [part.dtype for part in (loaded.x_train, loaded.t_train, loaded.x_test, loaded.t_test)] == ["uint8", "int64"] * 2


def arrays(planes=PLANES) -> dict[str, np.ndarray]:
    x = np.moveaxis(planes, 1, -1)
    return {"x_train": x[:50], "y_train": LABELS[:50].astype(np.uint8), "x_test": x[50:], "y_test": LABELS[50:].astype(np.uint8)}


# --- what comes with the course ------------------------------------------------------------------------------------------------


def test_the_bundled_digits_have_the_documented_shapes_types_and_ranges():
    x, t = images.load_mnist()
    assert (x.shape, x.dtype, t.shape, t.dtype) == ((10_000, 28, 28), np.uint8, (10_000,), np.int64)
    assert (x.min(), x.max()) == (0, 255)
    counts = np.bincount(t)
    assert len(counts) == 10
    # As in MNIST itself, where the rarest digit, 5, is 9.0% of the images and the most frequent, 1, 11.3%.
    assert 850 < counts.min() < counts.max() < 1150
    # In random order: any thousand in a row has each digit about a hundred times (binomial, sigma 9.5).
    assert np.bincount(t[:1000], minlength=10).min() > 50


def test_the_twenty_samples_are_the_first_test_images():
    x, t = images.load_cifar10_samples()
    assert (x.shape, x.dtype, t.dtype) == ((20, 32, 32, 3), np.uint8, np.int64)
    assert t.tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1, 0, 9, 5, 7, 9, 8, 5, 7, 8, 6]
    assert [images.CIFAR10_CLASSES[i] for i in t[:4]] == ["cat", "ship", "ship", "airplane"]
    # Image 3, the airplane, stands before a sky brighter than the ships' sea: channels and rows are where they belong.
    assert x[3, :8].mean() > 150


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_addresses_and_checksums_are_those_of_keras(name, monkeypatch):
    monkeypatch.undo()
    text = (Path(importlib.util.find_spec("keras").origin).parent / "src" / "datasets" / f"{name}.py").read_text(encoding="utf-8")
    folder, file = getattr(images, f"{name.upper()}_URL").rsplit("/", 1)
    assert f'"{folder}/' in text
    assert f'{file}"' in text
    assert f'"{getattr(images, f"{name.upper()}_SHA256")}"' in text


# --- the order of the places ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_the_shared_folder_comes_first_and_needs_no_network(place, server, monkeypatch, capsys, shape):
    stored = {name: array.reshape(shape) if name.startswith("y") else array for name, array in arrays().items()}
    np.savez(place / "shared" / "cifar10.npz", **stored)
    (place / "cache" / "physnets").mkdir()
    np.savez(place / "cache" / "physnets" / "cifar10.npz", **arrays(255 - PLANES))
    monkeypatch.setenv("PHYSNETS_DATA", str(place / "shared"))
    check(images.load_cifar10(), "shared folder")
    monkeypatch.delenv("PHYSNETS_DATA")
    check(images.load_cifar10(), "cache", 255 - PLANES)
    assert (told(capsys), server.seen) == ([], [])


def test_the_first_call_downloads_and_the_second_reads_the_cache(place, server, capsys):
    check(images.load_cifar10(), "download")
    assert files(place) == ["cache/physnets/cifar10.npz"]
    assert "cifar-10-python.tar.gz: 100%" in capsys.readouterr().err
    check(images.load_cifar10(), "cache")
    assert (told(capsys), server.seen) == ([], ["/files/cifar-10-python.tar.gz"])


def test_offline_the_cache_is_read_and_the_network_left_alone(place, server, monkeypatch, capsys):
    monkeypatch.setenv("PHYSNETS_OFFLINE", "1")
    assert not images.load_cifar10().real
    assert "because PHYSNETS_OFFLINE=1 forbids the network; for the real images" in told(capsys)[0]
    assert (server.seen, files(place)) == ([], [])
    monkeypatch.setenv("PHYSNETS_OFFLINE", "0")
    check(images.load_cifar10(), "download")
    monkeypatch.setenv("PHYSNETS_OFFLINE", "1")
    check(images.load_cifar10(), "cache")
    assert len(server.seen) == 1


def test_the_documented_size_is_the_real_one(place, monkeypatch):
    monkeypatch.setattr(images, "CIFAR10_COUNTS", REAL_COUNTS)
    x_train, x_test = np.zeros((50_000, 32, 32, 3), np.uint8), np.zeros((10_000, 32, 32, 3), np.uint8)
    np.savez(place / "shared" / "cifar10.npz", x_train=x_train, y_train=x_train[:, 0, 0, 0], x_test=x_test, y_test=x_test[:, 0, 0, 0])
    monkeypatch.setenv("PHYSNETS_DATA", str(place / "shared"))
    loaded = images.load_cifar10()
    assert loaded.source == "shared folder"
    assert [part.shape for part in (loaded.x_train, loaded.t_train, loaded.x_test, loaded.t_test)] == [
        (50_000, 32, 32, 3),
        (50_000,),
        (10_000, 32, 32, 3),
        (10_000,),
    ]


# --- bad files -----------------------------------------------------------------------------------------------------------------


def flipped(path: Path, position: float):
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)


def with_arrays(**changes):
    def spoil(path: Path):
        np.savez(path, **{name: array for name, array in (arrays() | changes).items() if array is not None})

    return spoil


BAD_FILES = {
    "missing": (lambda path: path.unlink(), "No such file or directory"),
    "empty": (lambda path: path.write_bytes(b""), "no npz file, or not a whole one"),
    "a web page": (lambda path: path.write_text("<html>Not found</html>"), "no npz file, or not a whole one"),
    "a single array": (lambda path: np.save(path.open("wb"), np.zeros(3)), "no npz file, or not a whole one"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:100_000]), "no npz file, or not a whole one"),
    "a bit flipped in an image": (lambda path: flipped(path, 0.4), r"Bad CRC-32 for file 'x_train\.npy'"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    "no test labels": (with_arrays(y_test=None), "it holds no y_test"),
    "too few images": (with_arrays(x_train=arrays()["x_train"][:40]), r"its x_train is uint8 of shape \(40, 32, 32, 3\), not uint8 of"),
    "channels first": (with_arrays(x_test=PLANES[50:]), r"its x_test is uint8 of shape \(10, 3, 32, 32\), not uint8 of shape \(10, 32,"),
    "floating point": (with_arrays(x_test=arrays()["x_test"] / 255), "its x_test is float64 of shape"),
    "a wide table": (with_arrays(x_train=np.zeros(2, [(f"column {i}", "u1") for i in range(999)])), "Header info length .* is large"),
    "labels out of range": (with_arrays(y_train=LABELS[:50] + 1), "its y_train, int64 of shape .* is not 50 whole numbers from 0 to 9"),
    "negative labels": (with_arrays(y_train=LABELS[:50] - 1), "its y_train, int64 of shape .* is not 50 whole numbers from 0 to 9"),
    "one-hot labels": (with_arrays(y_test=np.eye(10, dtype=np.uint8)), r"its y_test, uint8 of shape \(10, 10\), is not 10 whole numbers"),
    "labels as text": (with_arrays(y_test=np.array(["cat"] * 10)), r"its y_test, <U3 of shape \(10,\), is not 10 whole numbers"),
    "labels as objects": (with_arrays(y_test=np.array([Trap()] * 10)), "Object arrays cannot be loaded when allow_pickle=False"),
}


@pytest.mark.parametrize(("spoil", "reason"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("where", ["shared", "cache"])
def test_a_bad_file_is_named_and_the_search_goes_on(place, server, monkeypatch, capsys, where, spoil, reason):
    folder = place / "shared" if where == "shared" else place / "cache" / "physnets"
    folder.mkdir(exist_ok=True)
    path = folder / "cifar10.npz"
    with_arrays()(path)
    spoil(path)
    if where == "shared":
        monkeypatch.setenv("PHYSNETS_DATA", str(folder))
    check(images.load_cifar10(), "download")
    lines = told(capsys)
    if (where, reason) == ("cache", BAD_FILES["missing"][1]):
        assert lines == []
    else:
        said = rf"physnets: CIFAR-10 is here \(source: download\), but {re.escape(str(path))} cannot be used \(.*{reason}.*\)"
        assert re.match(said, lines[0])
    # The cache has been repaired (a folder in the file's place excepted), and the shared file is as it was.
    monkeypatch.delenv("PHYSNETS_DATA", raising=False)
    server.plan = ["forbidden"]
    assert images.load_cifar10().real == ((place / "cache" / "physnets" / "cifar10.npz").is_file())
    assert not (place / "sprung").exists()


def test_a_shared_folder_that_does_not_exist_is_named(place, monkeypatch, capsys):
    monkeypatch.setenv("PHYSNETS_DATA", str(place / "nowhere"))
    check(images.load_cifar10(), "download")
    assert f"but {place}/nowhere/cifar10.npz cannot be used (No such file or directory)" in told(capsys)[0]
    check(images.load_cifar10(), "cache")
    assert f"(source: cache), but {place}/nowhere/cifar10.npz cannot be used" in told(capsys)[0]


def test_every_fault_on_the_way_is_told_in_the_one_line(place, server, monkeypatch, capsys):
    monkeypatch.setenv("PHYSNETS_DATA", str(place / "nowhere"))
    (place / "cache" / "physnets").mkdir()
    (place / "cache" / "physnets" / "cifar10.npz").write_bytes(b"")
    server.plan = ["forbidden"]
    assert images.load_cifar10().source == "stand-in"
    host = server.url.split("/")[2]
    assert re.match(
        rf"physnets: coloured digits stand in for CIFAR-10, because {place}/nowhere/.*; {place}/cache/.*; {host} answered 403 Forbidden; for",
        told(capsys)[0],
    )


# --- the network ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("cut", r"gave no complete answer \(ChunkedEncodingError\)"),
        ("stalled", r"gave no complete answer \(ConnectionError\)"),
        ("silent", r"gave no complete answer \(ReadTimeout\)"),
        ("wrong", r"sent as cifar-10-python\.tar\.gz has the wrong checksum"),
        ("forbidden", "answered 403 Forbidden"),
    ],
)
def test_when_the_server_fails_for_good_the_stand_in_says_why(place, server, capsys, deed, reason):
    server.plan = [deed]
    assert images.load_cifar10().source == "stand-in"
    assert re.search(rf"because .*127\.0\.0\.1:\d+ {reason}; for the real images set PHYSNETS_DATA", told(capsys)[0])
    assert files(place) == []
    assert not any((place / "temporary").iterdir())
    # Nothing was unpickled before its checksum was right.
    assert not (place / "sprung").exists()


def test_nobody_at_the_address(place, server, monkeypatch, capsys):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/cifar-10-python.tar.gz"
    monkeypatch.setattr(images, "CIFAR10_URL", url)
    assert images.load_cifar10().source == "stand-in"
    assert "gave no complete answer (ConnectionError); for the real images" in told(capsys)[0]


def test_a_slow_server_is_waited_for(server):
    server.plan = ["slow"]
    start = time.monotonic()
    check(images.load_cifar10(), "download")
    # Longer in all than the patience with a silent server.
    assert time.monotonic() - start > 1.2 * images.TIMEOUT


def test_a_bad_host_that_recovers_is_asked_again(place, server, monkeypatch, capsys):
    monkeypatch.setattr(images, "RETRIES", 3)
    server.plan = ["cut", "wrong", "forbidden", "slow"]
    check(images.load_cifar10(), "download")
    assert len(server.seen) == 4
    assert told(capsys) == []
    assert files(place) == ["cache/physnets/cifar10.npz"]
    assert not (place / "sprung").exists()


PROGRAM = f"""
import pathlib, signal, sys, tempfile
import pooch
from physnets import images
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program that was started in the background ignores it otherwise
pooch.os_cache = lambda project: pathlib.Path("cache", project)
tempfile.tempdir = "temporary"
images.CIFAR10_COUNTS, images.CIFAR10_URL, images.CIFAR10_SHA256 = {COUNTS}, sys.argv[1], sys.argv[2]
loaded = images.load_cifar10()
print(loaded.source, loaded.x_train.sum() + loaded.x_test.sum(), loaded.t_train.tolist() + loaded.t_test.tolist())
"""


def process() -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(Path(images.__file__).parent.parent)}
    command = [sys.executable, "-c", PROGRAM, images.CIFAR10_URL, images.CIFAR10_SHA256]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_both_get_the_images(place, server):
    server.plan = ["together"]
    pair = [process(), process()]
    outputs = [one.communicate(timeout=30)[0] for one in pair]
    assert outputs == [f"download {PLANES.sum()} {LABELS.tolist()}\n"] * 2
    assert len(server.seen) == 2
    assert files(place) == ["cache/physnets/cifar10.npz"]
    assert not any((place / "temporary").iterdir())
    check(images.load_cifar10(), "cache")


def test_an_interrupted_download_leaves_nothing_behind(place, server):
    server.plan = ["stalled"]
    one = process()
    while not any((place / "temporary").rglob("tmp*")):
        time.sleep(0.02)
        assert one.poll() is None
    one.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in one.communicate(timeout=100)[1]
    assert files(place) == []
    assert not any((place / "temporary").iterdir())


# --- the disk ------------------------------------------------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(file, **stored):
    file.write(b"PK")
    full()


def test_a_disk_full_during_the_download(place, server, monkeypatch, capsys):
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    assert images.load_cifar10().source == "stand-in"
    assert "because [Errno 28] No space left on device; for the real images" in told(capsys)[0]
    assert files(place) == []
    assert not any((place / "temporary").iterdir())


@pytest.mark.parametrize("damaged", [False, True])
def test_a_disk_full_when_the_cache_is_written_costs_only_the_cache(place, monkeypatch, capsys, damaged):
    if damaged:
        (place / "cache" / "physnets").mkdir()
        (place / "cache" / "physnets" / "cifar10.npz").write_bytes(b"half")
    monkeypatch.setattr(np, "savez", half_written)
    check(images.load_cifar10(), "download")
    assert f"it could not be kept in {place}/cache/physnets ([Errno 28] No space left on device) and" in told(capsys)[0]
    assert files(place) == (["cache/physnets/cifar10.npz"] if damaged else [])


def limited(size: int):
    """As on a full disk, the operating system refuses every write beyond `size` bytes of a file."""
    resource = pytest.importorskip("resource")  # Windows has none
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        return images.load_cifar10()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_operating_system_refuses_to_write_the_download(place, capsys):
    assert limited(len(ARCHIVE) // 2).source == "stand-in"
    assert "because [Errno 27] File too large; for the real images" in told(capsys)[0]
    assert files(place) == []


def test_the_operating_system_refuses_to_write_the_cache(place, capsys):
    # The archive is compressed and a little smaller than the arrays.
    check(limited(len(ARCHIVE) + 1), "download")
    assert f"it could not be kept in {place}/cache/physnets ([Errno 27] File too large)" in told(capsys)[0]
    assert files(place) == []


def test_an_interrupt_while_the_cache_is_written(place, monkeypatch):
    def interrupted(file, **_):
        file.write(b"PK")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        images.load_cifar10()
    assert files(place) == []


def test_a_file_in_the_place_of_the_cache_folder(place, capsys):
    (place / "cache" / "physnets").write_text("")
    check(images.load_cifar10(), "download")
    assert re.search(r"but .*cifar10\.npz cannot be used \(Not a directory\); it could not be kept in .*\[Errno 17\]", told(capsys)[0])


# --- the stand-in --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stand_in() -> images.Cifar10:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "CIFAR10_COUNTS", REAL_COUNTS)
        return images._stand_in()


def test_the_stand_in_has_the_shapes_and_classes_of_the_images(stand_in):
    assert (stand_in.source, stand_in.real) == ("stand-in", False)
    for x, t, count in ((stand_in.x_train, stand_in.t_train, 50_000), (stand_in.x_test, stand_in.t_test, 10_000)):
        assert (x.shape, x.dtype, t.shape, t.dtype) == ((count, 32, 32, 3), np.uint8, (count,), np.int64)
        # As in CIFAR-10: as many of each class, in random order (a thousand in a row: binomial, sigma 9.5).
        assert np.bincount(t).tolist() == [count // 10] * 10
        assert np.bincount(t[:1000], minlength=10).min() > 50


def test_the_stand_in_is_the_same_at_each_call(monkeypatch):
    monkeypatch.setenv("PHYSNETS_OFFLINE", "1")
    first, second = images.load_cifar10(), images.load_cifar10()
    for name in ("x_train", "t_train", "x_test", "t_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_stand_in_is_quick(monkeypatch):
    monkeypatch.setattr(images, "CIFAR10_COUNTS", {"train": 5_000, "test": 1_000})
    start = time.process_time()
    images._stand_in()
    # A tenth of the whole: 0.2 s where this was written.
    assert time.process_time() - start < 1


def test_digit_and_ground_differ_in_every_channel_and_colours_vary(stand_in):
    x = stand_in.x_test[:1000].reshape(1000, -1, 3).astype(int)
    ground, ink = x[:, 0], x.max(axis=1)
    assert np.all(ink > ground)
    # Uniform over half of the range: a standard deviation of 128 / sqrt(12) = 37 for the ground.
    assert 33 < ground.std(axis=0).min() <= ground.std(axis=0).max() < 41
    assert np.abs(np.corrcoef(ground.T) - np.eye(3)).max() < 0.15


def test_a_linear_classifier_learns_the_stand_in_far_above_chance(stand_in):
    def features(x):
        return x.mean(axis=-1).reshape(len(x), 16, 2, 16, 2).mean(axis=(2, 4)).reshape(len(x), 256) / 255

    model = LogisticRegression(max_iter=200).fit(features(stand_in.x_train[:3000]), stand_in.t_train[:3000])
    assert model.score(features(stand_in.x_test[:1000]), stand_in.t_test[:1000]) > 0.5


def test_no_digit_serves_for_training_and_for_the_test(monkeypatch):
    # Digits that carry their own number: fourteen dots, inked or not.
    number = np.arange(10_000)
    digits = np.zeros((10_000, 28, 28), np.uint8)
    digits[:, 4:18, 14] = 255 * (number[:, None] >> np.arange(14) & 1)
    digits[:, 3, 14] = 255
    labels = number // 1000
    monkeypatch.setattr(images, "load_mnist", lambda: (digits, labels))
    monkeypatch.setattr(images, "CIFAR10_COUNTS", {"train": 20_000, "test": 4_000})
    stand_in = images._stand_in()
    found, shifts = {}, set()
    for part, x, t in (("train", stand_in.x_train, stand_in.t_train), ("test", stand_in.x_test, stand_in.t_test)):
        inked = x[..., 0] > x[:, :1, :1, 0]
        row, column = np.divmod(inked.reshape(len(x), -1).argmax(axis=1), 32)
        dots = inked[np.arange(len(x))[:, None], row[:, None] + 1 + np.arange(14), column[:, None]]
        found[part] = dots @ (1 << np.arange(14))
        np.testing.assert_array_equal(labels[found[part]], t)
        shifts |= set(zip(row - 5, column - 16, strict=True))
    assert not set(found["train"]) & set(found["test"])
    assert (len(set(found["train"])), len(set(found["test"]))) == (8_000, 2_000)
    # Centred in 32 x 32 pixels, the dot at (3, 14) is at (5, 16).
    assert shifts == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}


# --- the whole of MNIST --------------------------------------------------------------------------------------------------------


@pytest.fixture
def mnist(server, monkeypatch) -> dict[str, np.ndarray]:
    """A file like Keras' on the server, small."""
    stored = {"x_train": np.full((6, 28, 28), 7, np.uint8), "y_train": np.arange(6, dtype=np.uint8)}
    stored |= {"x_test": np.full((2, 28, 28), 9, np.uint8), "y_test": np.arange(2, dtype=np.uint8)}
    file = io.BytesIO()
    np.savez_compressed(file, **stored)
    server.body = file.getvalue()
    monkeypatch.setattr(images, "MNIST_URL", server.url + "mnist.npz")
    monkeypatch.setattr(images, "MNIST_SHA256", hashlib.sha256(server.body).hexdigest())
    return stored


def check_mnist(stored):
    x, t = images.load_mnist(full=True)
    np.testing.assert_array_equal(x, np.concatenate([stored["x_train"], stored["x_test"]]))
    np.testing.assert_array_equal(t, [0, 1, 2, 3, 4, 5, 0, 1])
    assert (x.dtype, t.dtype) == (np.uint8, np.int64)


def test_the_full_mnist_is_fetched_once_and_again_when_damaged(place, server, mnist, monkeypatch):
    check_mnist(mnist)
    assert files(place) == ["cache/physnets/mnist.npz"]
    monkeypatch.setenv("PHYSNETS_OFFLINE", "1")
    check_mnist(mnist)
    assert len(server.seen) == 1
    flipped(place / "cache" / "physnets" / "mnist.npz", 0.5)
    with pytest.raises(OSError, match="PHYSNETS_OFFLINE=1 forbids the network"):
        images.load_mnist(full=True)
    monkeypatch.delenv("PHYSNETS_OFFLINE")
    check_mnist(mnist)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("wrong", "what .* sent as mnist.npz has the wrong checksum"),
        ("forbidden", ".* answered 403 Forbidden"),
        ("cut", ".* no complete .*"),
    ],
)
def test_without_the_full_mnist_one_sentence_names_the_bundled_digits(place, server, mnist, deed, reason):
    server.plan = [deed]
    said = rf"^the full MNIST could not be fetched: {reason}; load_mnist\(\) without full=True returns the 10 000 digits of the course\.$"
    with pytest.raises(OSError, match=said):
        images.load_mnist(full=True)
    assert files(place) == []
