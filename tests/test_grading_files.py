"""Files as students hand them in: each becomes the notebook that was released, or is named in one sentence."""

import copy
import json
import tempfile
import zipfile
from pathlib import Path

import nbformat
import pytest

from tools import collect, exercises, grading, handed_in

ROOT = Path(__file__).resolve().parent.parent
WEEK = "week01"


@pytest.fixture(scope="module")
def released() -> nbformat.NotebookNode:
    return exercises.students_version(exercises.prepared(nbformat.read(ROOT / "assignments" / WEEK / f"{WEEK}.ipynb", as_version=4), 7))


def grade_id(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def role(cell) -> tuple:
    about = cell.metadata.get("nbgrader", {})
    return about.get("locked"), about.get("grade"), about.get("solution")


@pytest.fixture
def handed(released) -> nbformat.NotebookNode:
    """A notebook with an answer everywhere."""
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        if role(cell) == (False, False, True):
            cell.source += f"\n\nanswered_{cell.metadata.nbgrader.grade_id[4:]} = True"
        elif role(cell) == (False, True, True):
            cell.source = "Twenty units are enough."
    return notebook


def at(notebook, name: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == name)


def copied(*names):
    def change(notebook):
        for name in names:
            notebook.cells.insert(at(notebook, name) + 1, copy.deepcopy(notebook.cells[at(notebook, name)]))

    return change


def everything_twice(notebook):
    notebook.cells = [twin for cell in notebook.cells for twin in (cell, copy.deepcopy(cell))]


def split(name):
    def change(notebook):
        cell = notebook.cells[at(notebook, name)]
        middle = len(cell.source) // 2
        second = copy.deepcopy(cell)
        cell.source, second.source = cell.source[:middle], cell.source[middle:]
        notebook.cells.insert(at(notebook, name) + 1, second)

    return change


def merged(first, second, named):
    def change(notebook):
        source = notebook.cells[at(notebook, first)].source + "\n" + notebook.cells[at(notebook, second)].source
        notebook.cells[at(notebook, named)].source = source
        del notebook.cells[at(notebook, ({first, second} - {named}).pop())]

    return change


def without(*endings):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if not (grade_id(cell) and grade_id(cell).endswith(endings))]

    return change


def no_metadata(notebook):
    for cell in notebook.cells:
        cell.metadata = {}


def odd_metadata(notebook):
    for number, cell in enumerate(notebook.cells):
        if grade_id(cell):
            cell.metadata.nbgrader.update(
                [{"schema_version": 4}, {"schema_version": 1}, {"points": float("nan")}, {"locked": "no"}][number % 4]
            )
    notebook.cells[0].metadata["nbgrader"] = {}
    notebook.cells[1].metadata["nbgrader"] = {"grade_id": "w99-1"}
    notebook.cells[2].metadata["nbgrader"] = ["no", "dictionary"]


def other_types(notebook):
    notebook.cells[at(notebook, "w01-2")].cell_type = "markdown"
    notebook.cells[at(notebook, "w01-6-text")].cell_type = "code"
    notebook.cells[at(notebook, "w01-3-given")].cell_type = "raw"


def rewritten(notebook):
    for cell in notebook.cells:
        if role(cell)[0]:
            cell.source = cell.source.replace("SEED = 7", "SEED = 8").replace("assert", "# assert").replace("\n", "\r\n")


def below_the_stub(notebook):
    here = at(notebook, "w01-6-text")
    notebook.cells[here].source = "*Your answer here.*"
    notebook.cells.insert(here + 1, nbformat.v4.new_markdown_cell("Twenty units are enough."))


MENDED = {
    "as it is": lambda notebook: None,
    "a copied check": copied("w01-2-check"),
    "a copied answer": copied("w01-3"),
    "a copied text": copied("w01-6-text"),
    "everything twice": everything_twice,
    "a split answer": split("w01-4"),
    "a split check": split("w01-4-check"),
    "a split text": split("w01-6-text"),
    "given and answer merged": merged("w01-3-given", "w01-3", "w01-3-given"),
    "answer and check merged": merged("w01-5", "w01-5-check", "w01-5-check"),
    "check and answer merged": merged("w01-1-check", "w01-2", "w01-1-check"),
    "no checks": without("-check"),
    "no given cells": without("-given"),
    "no metadata": no_metadata,
    "odd metadata": odd_metadata,
    "other types": other_types,
    "given cells rewritten": rewritten,
    "the text in a cell of its own": below_the_stub,
}


@pytest.mark.parametrize("what", MENDED)
def test_everything_is_there_once_and_in_order(released, handed, what):
    MENDED[what](handed)
    notebook, _ = handed_in.tidy(handed_in.read(saved(handed)), released)
    nbformat.validate(notebook)
    wanted = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    found = [grade_id(cell) for cell in notebook.cells if grade_id(cell)]
    # An answer that was merged with another cell stands where it stood, without a name of its own.
    assert found == [name for name, cell in wanted.items() if name in found or role(cell)[0] or role(cell)[1]]
    assert "merged" in what or len(found) == len(wanted)
    for cell in notebook.cells:
        if role(cell)[0]:
            assert cell.source == wanted[grade_id(cell)].source
        if grade_id(cell):
            assert cell.metadata.nbgrader == wanted[grade_id(cell)].metadata.nbgrader and cell.cell_type == wanted[grade_id(cell)].cell_type
    # Each answer stands in front of its check.
    for number in range(1, 7):
        above = "\n".join(cell.source for cell in notebook.cells[: at(notebook, f"w01-{number}-check")] if cell.cell_type == "code")
        assert f"answered_{number} = True" in above.replace("\n", "") if "split" in what else f"answered_{number} = True" in above
    text = notebook.cells[at(notebook, "w01-6-text")].source
    assert text and text in "Twenty units are enough."


def saved(notebook) -> Path:
    path = Path(tempfile.mkdtemp()) / f"{WEEK}.ipynb"
    path.write_text(json.dumps(notebook))
    return path


def test_a_deleted_exercise_is_put_back_unanswered(released, handed):
    without("w01-3-given", "w01-3", "w01-3-check")(handed)
    notebook, notes = handed_in.tidy(handed_in.read(saved(handed)), released)
    assert notes == ["w01-3-check was missing", "w01-3-given was missing"]
    assert at(notebook, "w01-2-check") < at(notebook, "w01-3-given") < at(notebook, "w01-3-check") < at(notebook, "w01-4")
    assert "answered_3" not in "".join(cell.source for cell in notebook.cells)


def test_nothing_but_sources_and_pictures_is_kept(released, handed):
    cell = handed.cells[at(handed, "w01-6-text")]
    cell["attachments"] = {"a.png": {"image/png": "iVBORw0KGgo="}, "b": {"image/svg+xml": "PHN2Zz4="}, "c": {"image/png": '"><script>'}}
    cell.metadata["tags"] = ["<script>"]
    handed.metadata = {"kernelspec": {"name": "R"}, "title": "<script>", "widgets": {}}
    handed.cells[at(handed, "w01-1")]["outputs"] = [{"output_type": "display_data", "data": {"text/html": "<script>"}, "metadata": {}}]
    notebook, _ = handed_in.tidy(handed_in.read(saved(handed)), released)
    assert "script>" not in json.dumps(notebook) and notebook.metadata == released.metadata
    assert notebook.cells[at(notebook, "w01-6-text")].attachments == {"a.png": {"image/png": "iVBORw0KGgo="}}


@pytest.mark.parametrize(
    "encoded",
    [
        lambda t: b"\xef\xbb\xbf" + t.encode(),
        lambda t: t.encode("utf-16"),
        lambda t: t.encode("latin-1"),
        lambda t: t.replace("ü", "\\ud800").encode(),
    ],
    ids=["mark at the beginning", "UTF-16", "latin-1", "half a character"],
)
def test_encodings(released, handed, tmp_path, encoded):
    handed.cells[at(handed, "w01-1")].source += "\n# für dich"
    text = json.dumps(handed, ensure_ascii=False).encode("latin-1", "ignore").decode("latin-1")
    (tmp_path / "a.ipynb").write_bytes(encoded(text))
    notebook, _ = handed_in.tidy(handed_in.read(tmp_path / "a.ipynb"), released)
    notebook.cells[at(notebook, "w01-1")].source.encode()
    assert "answered_1 = True" in notebook.cells[at(notebook, "w01-1")].source


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"%PDF-1.4", "a PDF"),
        (b"PK\x03\x04", "an archive or a document of an office program"),
        (b'{"cells": [', "damaged or cut off"),
        (b"<<<<<<< HEAD", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "JSON without a notebook's cells"),
        (b"[]", "JSON without a notebook's cells"),
        (b"null", "JSON without a notebook's cells"),
        (b'{"nbformat": 4, "cells": []}', "JSON without a notebook's cells"),
        (b'{"nbformat": 5, "cells": [{"cell_type": "code", "source": ""}]}', "JSON without a notebook's cells"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "html", "source": ""}]}', "JSON without a notebook's cells"),
        (b'{"worksheets": 3}', "JSON without a notebook's cells"),
    ],
)
def test_what_is_no_notebook_is_named(tmp_path, content, what):
    path = tmp_path / "week01.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^week01.ipynb cannot be read as a notebook: it is {what}[.]$"):
        handed_in.read(path)


def test_another_weeks_notebook_is_named(released):
    other = exercises.students_version(exercises.prepared(nbformat.read(ROOT / "assignments" / "week02" / "week02.ipynb", as_version=4)))
    with pytest.raises(ValueError, match=r"^none of its cells is from the notebook that was handed out: it is another one[.]$"):
        handed_in.tidy(handed_in.read(saved(other)), released)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["week01/week01.ipynb", "week01/old.ipynb"], "week01/week01.ipynb"),
        (["week01/week01 (1).ipynb"], "week01/week01 (1).ipynb"),
        (["week01/Week01.ipynb"], "week01/Week01.ipynb"),
        (["week01/solution.ipynb", "week01/data.csv"], "week01/solution.ipynb"),
        (["week01.ipynb", "week02.ipynb"], "week01.ipynb"),
        (["week 1 final.ipynb", "week11.ipynb"], "week 1 final.ipynb"),
        (["week01/sub/week01.ipynb", "week01/.ipynb_checkpoints/week01-checkpoint.ipynb"], "week01/sub/week01.ipynb"),
        (["week02/week02.ipynb"], "the folder is empty."),
        (["week01/report.pdf", "week01/a.py"], "there is no notebook, only week01/a.py, week01/report.pdf."),
        (["week01/a.ipynb", "week01/b.ipynb"], "2 notebooks are there (week01/a.ipynb, week01/b.ipynb), expected one called week01.ipynb."),
    ],
)
def test_which_file_counts(tmp_path, files, found):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if found.endswith(".ipynb"):
        assert handed_in.find(tmp_path, WEEK) == tmp_path / found
        return
    with pytest.raises(ValueError) as error:
        handed_in.find(tmp_path, WEEK)
    assert str(error.value) == found


def test_a_link_to_a_file_of_the_instructor_does_not_count(tmp_path):
    (tmp_path / "solution.ipynb").touch()
    (tmp_path / "anna" / WEEK).mkdir(parents=True)
    (tmp_path / "anna" / WEEK / f"{WEEK}.ipynb").symlink_to(tmp_path / "solution.ipynb")
    with pytest.raises(ValueError, match=r"^the folder is empty[.]$"):
        handed_in.find(tmp_path / "anna", WEEK)


@pytest.mark.parametrize("link", ["anna", f"anna/{WEEK}"])
def test_a_link_to_a_folder_of_the_instructor_does_not_count(tmp_path, link):
    source = tmp_path / "source" / link.rpartition("/")[2] / (WEEK if link == "anna" else "")
    source.mkdir(parents=True)
    (source / f"{WEEK}.ipynb").touch()
    (source / "helper.py").touch()
    place = tmp_path / "submitted" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "source" / link.rpartition("/")[2])
    with pytest.raises(ValueError, match=r"^the folder is empty[.]$"):
        handed_in.find(tmp_path / "submitted" / "anna", WEEK)


def test_a_file_too_large_to_be_kept_takes_no_room_from_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "MAX_BESIDE", 10)
    for name, size in {"a.png": 11, "b.py": 6, "c.py": 6, "d.py": 4}.items():
        (tmp_path / name).write_bytes(b"x" * size)
    assert sorted(grading.beside(tmp_path)) == ["b.py", "d.py"]


@pytest.mark.parametrize(
    "name", ["Meier, Anna", "O'Brien", "Müller", "Mu\u0308ller", "-rf", "--help", "王", "👩🏽‍🔬", "$HOME", "{0}", "x" * 200]
)
def test_names_of_every_kind_are_names(name):
    handed_in.check_name(name)


@pytest.mark.parametrize("name", ["<img src=x>", 'a"b', "a\\", "a\nb", "a\x1b[31m", "a\u2028b", "a\udce4", " a", "a*", "a?", "[a]"])
def test_a_name_that_means_something_to_a_browser_or_a_terminal_is_refused(name):
    with pytest.raises(ValueError, match=r"^the folder's name has .*, expected a name without .* rename it[.]$"):
        handed_in.check_name(name)


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name, (2027, 5, 3, 18, 30, 0)), name)
    return path


def test_an_archive_of_moodle_becomes_folders(tmp_path):
    names = ["Anna Meier_101_assignsubmission_file_/week01 (1).ipynb", "Anna Meier_102_assignsubmission_file_/week01.ipynb"]
    names += ["Jörg O'Brien_103_assignsubmission_file_week01.ipynb", "<b>_104_assignsubmission_file_/week01.ipynb", "readme.txt"]
    problems = collect.collect(tmp_path, WEEK, archive(tmp_path / "all.zip", *names))
    folders = {path.name: path for path in (tmp_path / "submitted").iterdir()}
    assert folders.keys() == {"Anna Meier 101", "Anna Meier 102", "Jörg O'Brien"}
    assert handed_in.find(folders["Anna Meier 101"], WEEK).read_text() == names[0]
    assert (folders["Jörg O'Brien"] / WEEK / "timestamp.txt").read_text().startswith("2027-05-03 18:30:00")
    assert (
        len(problems) == 2
        and "the folder's name has '<' and '>'" in problems[0]
        and problems[1] == "readme.txt has no name that Moodle gives"
    )
    # Again, with one file changed of name: the old one does not stay.
    collect.collect(tmp_path, WEEK, archive(tmp_path / "all.zip", "Jörg O'Brien_103_assignsubmission_file_/new week01.ipynb"))
    assert sorted(path.name for path in (folders["Jörg O'Brien"] / WEEK).iterdir()) == ["new week01.ipynb", "timestamp.txt"]
    assert [person["number"] for person in collect.people(tmp_path / collect.PEOPLE)] == ["101", "102", "103"]


def test_an_archive_of_canvas_becomes_folders(tmp_path):
    problems = collect.collect(
        tmp_path, WEEK, archive(tmp_path / "all.zip", "meieranna_11_901_week01-1.ipynb", "obrienjo_LATE_12_902_week01.ipynb")
    )
    assert problems == [] and {path.name for path in (tmp_path / "submitted").iterdir()} == {"meieranna", "obrienjo"}


@pytest.mark.parametrize(
    "name",
    [
        "../../evil_1_assignsubmission_file_/week01.ipynb",
        "/evil_1_assignsubmission_file_/x.ipynb",
        "a_1_assignsubmission_file_/../../../x.ipynb",
    ],
)
def test_an_archive_writes_nowhere_else(tmp_path, name):
    folder = tmp_path / "course"
    folder.mkdir()
    packed = archive(tmp_path / "all.zip", "b_2_assignsubmission_file_/week01.ipynb", name)
    collect.collect(folder, WEEK, packed)
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()} == {"all.zip", "course"}
    assert {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()} <= {"submitted", "people.csv"}


def test_nobody_can_hand_in_for_another(tmp_path):
    """What looks like a second student within a file's name is a part of that name."""
    names = ["Bob_2_assignsubmission_file_week01.ipynb", "Anna_1_assignsubmission_file_x_2_assignsubmission_file_week01.ipynb"]
    collect.collect(tmp_path, WEEK, archive(tmp_path / "all.zip", *names))
    assert (tmp_path / "submitted" / "Bob" / WEEK / "week01.ipynb").read_text() == names[0]
    collect.collect(tmp_path, WEEK, archive(tmp_path / "next.zip", "Bob_7_assignsubmission_file_week01.ipynb"))
    assert (tmp_path / "submitted" / "Bob" / WEEK / "week01.ipynb").read_text() == names[0]
    assert (tmp_path / "submitted" / "Bob 7" / WEEK / "week01.ipynb").is_file()


def test_one_odd_file_of_an_archive_stops_no_other_and_the_last_date_counts(tmp_path):
    where = "Anna_1_assignsubmission_file_/"
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for name, date in {
            f"{where}week01.ipynb": (2027, 5, 9, 0, 0, 0),
            f"{where}old.txt": (2027, 5, 1, 0, 0, 0),
            f"{where}..": (2027, 5, 1, 0, 0, 0),
            f"{where}{'x' * 400}": (2027, 5, 1, 0, 0, 0),
            f"{where}sub/week01.ipynb": (2027, 5, 1, 0, 0, 0),
            ".._3_assignsubmission_file_/week01.ipynb": (2027, 5, 1, 0, 0, 0),
            "Bob_2_assignsubmission_file_/week01.ipynb": (2027, 5, 2, 0, 0, 0),
        }.items():
            packed.writestr(zipfile.ZipInfo(name, date), name)
        odd = zipfile.ZipInfo(f"{where}undated.txt", (1980, 1, 1, 0, 0, 0))
        odd.date_time = (1980, 0, 0, 0, 0, 0)
        packed.writestr(odd, "x")
    problems = collect.collect(tmp_path, WEEK, tmp_path / "all.zip")
    assert len(problems) == 5 and all(problem.startswith(("Anna: ", "..: the folder's name is '..'")) for problem in problems), problems
    stamps = {path.parts[-3]: path.read_text()[:10] for path in (tmp_path / "submitted").rglob("timestamp.txt")}
    assert stamps == {"Anna": "2027-05-09", "Bob": "2027-05-02"}
    assert (tmp_path / "submitted" / "Anna" / WEEK / "week01.ipynb").read_text() == f"{where}week01.ipynb"
    assert {person["student_id"] for person in collect.people(tmp_path / collect.PEOPLE)} == {"Anna", "Bob"}


def test_no_archive_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there, expected the archive"):
        collect.collect(tmp_path, WEEK, tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(ValueError, match="is no zip archive, expected the archive"):
        collect.collect(tmp_path, WEEK, tmp_path / "text.zip")
    with pytest.raises(ValueError, match=r"no file in .* has a name as Moodle or Canvas give it, for instance 'a.txt'"):
        collect.collect(tmp_path, WEEK, archive(tmp_path / "other.zip", "a.txt"))
