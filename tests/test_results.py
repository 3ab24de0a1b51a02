"""The first page and the page of results show what the notebooks store."""

from tools import results


def test_the_headline_results_are_those_of_the_notebooks():
    assert results.HEADLINES.read_text(encoding="utf-8") == results.headlines(), "not current: python tools/results.py"


def test_every_lecture_has_been_timed():
    text = results.TIMES.read_text(encoding="utf-8")
    assert [path.name for path in results.lectures() if f"notebooks/{path.name})" not in text] == []


def test_the_map_of_the_weeks_is_current():
    assert results.WELCOME.read_text(encoding="utf-8") == results.welcome(), "not current: python tools/results.py"
    assert results.overview() in results.welcome()


def test_the_pictures_of_the_weeks_are_those_of_the_notebooks():
    stored = {path.stem[:6]: (results.IMAGES / f"{path.stem[:6]}.png").read_bytes() for path in results.lectures()}
    assert {path.stem[:6] for path, nb in results.lectures().items() if results.picture(path, nb)[0] != stored[path.stem[:6]]} == set()
