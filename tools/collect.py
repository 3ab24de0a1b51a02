"""From the archive of a learning platform to one folder for each student.

Moodle packs `Anna Meier_12345_assignsubmission_file_/week01.ipynb`, or the same without the folder; Canvas `meieranna_12345_67890_week01.ipynb`,
with `LATE_` before the numbers where it was.
"""

import csv
import datetime
import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tools import handed_in

PEOPLE = "people.csv"
COLUMNS = ("student_id", "platform", "number", "name")
PLATFORMS = {
    "moodle": re.compile(r"(?P<name>[^/]+?)_(?P<number>\d+)_assignsubmission_file_?/?(?P<file>.+)"),
    "canvas": re.compile(r"(?P<name>[^/_]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>[^/]+)"),
}


def people(path: Path) -> list[dict]:
    """Who is who on the platform; nobody if nothing was collected yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def collect(folder: Path, week: str, archive: Path) -> list[str]:
    """Sort a platform's archive into `submitted/NAME/week/`; what was there of these students for this week is replaced.

    Returns:
        What could not be sorted, in sentences.

    Raises:
        FileNotFoundError: there is no such archive.
        ValueError: it is no zip archive, or nothing in it has a name that Moodle or Canvas gives.
    """
    if not archive.is_file():
        raise FileNotFoundError(f"{archive} is not there, expected the archive of submissions of Moodle or Canvas.")
    if not zipfile.is_zipfile(archive):
        raise ValueError(f"{archive} is no zip archive, expected the archive of submissions of Moodle or Canvas.")
    known = {(person["platform"], person["number"]): person for person in people(folder / PEOPLE)}
    problems, handed = [], {}
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        platform, found = max(((name, matches(members, pattern)) for name, pattern in PLATFORMS.items()), key=lambda pair: len(pair[1]))
        if not found:
            raise ValueError(
                f"no file in {archive} has a name as Moodle or Canvas give it, for instance {members[0].filename if members else 'none'!r}."
            )
        names = [match["name"] for match in {match["number"]: match for match in found.values()}.values()]
        for member, match in found.items():
            person = {"platform": platform, "number": match["number"], "name": match["name"]}
            key = platform, match["number"]
            # Two people may have one name, in this archive or in two.
            others = {other["student_id"] for number, other in known.items() if number != key}
            student = (
                match["name"] if names.count(match["name"]) == 1 and match["name"] not in others else f"{match['name']} {match['number']}"
            )
            student = known.get(key, {}).get("student_id", student)
            target = folder / "submitted" / student / week
            try:
                handed_in.check_name(student)
                if member.file_size > handed_in.MAX_BYTES:
                    raise ValueError(f"{member.filename} has {member.file_size} bytes, expected at most {handed_in.MAX_BYTES}.")
                date, content = datetime.datetime(*member.date_time).astimezone(), packed.read(member)
                if target not in handed:
                    shutil.rmtree(target, ignore_errors=True)
                    target.mkdir(parents=True)
                file = target / PurePosixPath(match["file"]).name
                if file.exists():
                    raise ValueError(f"{member.filename} is the second file of this name, expected one; the first was kept.")
                file.write_bytes(content)
            # Names that no system takes, dates that are none, and whatever a damaged archive raises.
            except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
                problems.append(f"{match['name']}: {error}")
                continue
            handed[target] = max(date, handed.get(target, date))  # the last file counts
            (target / "timestamp.txt").write_text(handed[target].isoformat(sep=" ", timespec="seconds"))
            known[key] = {"student_id": student, **person}
        problems += [f"{member.filename} has no name that {platform.title()} gives" for member in members if member not in found]
    with (folder / PEOPLE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(known.values())
    return problems


def matches(members: list[zipfile.ZipInfo], pattern: re.Pattern) -> dict[zipfile.ZipInfo, re.Match]:
    return {member: match for member in members if (match := pattern.fullmatch(member.filename))}
