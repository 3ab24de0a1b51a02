"""The page of results shows what the notebooks store."""

from tools import results


def test_the_headline_results_are_those_of_the_notebooks():
    assert results.HEADLINES.read_text(encoding="utf-8") == results.headlines(), "not current: python tools/results.py"


def test_every_lecture_has_been_timed():
    text = results.TIMES.read_text(encoding="utf-8")
    assert [path.name for path in results.lectures() if f"notebooks/{path.name})" not in text] == []
