"""A page on how a class did in a week's exercises, for the instructor: which were solved, which tell students apart, which mistakes were made.

It has no names in it. What is read are nbgrader's graded notebooks and its gradebook.
"""

import base64
import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
from nbgrader.api import Gradebook
from scipy import stats

from tools.feedback import about

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{week}</title>
<style>body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto; }} table {{ border-collapse: collapse; }}
td, th {{ padding: 0.3em 0.8em; text-align: left; border-bottom: 1px solid #ccc; }} img {{ max-width: 100%; }}</style></head>
<body><h1>{week}: {students} notebooks</h1>
<p>An exercise counts as solved if its check passed. The discrimination is the correlation of an exercise with the points of all the others; in brackets is
an interval that covers the true value in 95 of 100 classes. Near zero or below, an exercise does not tell those who can do the rest from those who cannot.</p>
{exercises}<p>{remarks}</p>
<img alt="Share solved and discrimination of each exercise, with intervals, and how many notebooks got how many points" src="data:image/png;base64,{picture}">
<h2>Mistakes that were recognised</h2>{mistakes}</body></html>
"""


def outcomes(folder: Path, week: str) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[str, str]]]:
    """What the checks said of each notebook.

    Returns:
        Points as a share of those there were, and seconds, both with a row for each notebook and a column for each check; and the
        mistakes that were recognised, with the check that found them.
    """
    points, seconds, mistakes = [], [], []
    with Gradebook(f"sqlite:///{(folder / 'gradebook.db').resolve()}") as gradebook:
        for submission in gradebook.notebook_submissions(week, week):
            path = folder / "autograded" / submission.student.id / week / f"{week}.ipynb"
            if not path.is_file():
                continue
            points.append(
                {grade.name: (grade.auto_score or 0.0) / grade.max_score for grade in submission.grades if grade.name.endswith("-check")}
            )
            found = {}
            for cell in nbformat.read(path, as_version=4).cells:
                if graded := cell.metadata.get("grading"):
                    found[about(cell)["grade_id"]] = graded["seconds"]
                    mistakes += [(about(cell)["grade_id"], graded["mistake"])] if graded.get("mistake") else []
            seconds.append(found)
    return pd.DataFrame(points), pd.DataFrame(seconds), mistakes


def discrimination(shares: pd.DataFrame) -> pd.DataFrame:
    """Each column's correlation with the sum of the others, and the ends of its 95 % interval; nan where everybody did the same."""
    rows = []
    for name in shares:
        rest = shares.drop(columns=name).sum(axis=1)
        if len(shares) < 4 or shares[name].nunique() < 2 or rest.nunique() < 2:
            rows.append((np.nan, np.nan, np.nan))
            continue
        result = stats.pearsonr(shares[name], rest)
        rows.append((result.statistic, *result.confidence_interval(0.95)))
    return pd.DataFrame(rows, index=shares.columns, columns=["correlation", "low", "high"])


def titles(released: nbformat.NotebookNode) -> dict[str, str]:
    """The exercise that each check belongs to, as its heading has it."""
    found, title = {}, ""
    for cell in released.cells:
        if heading := re.match(r"## (Exercise .+)", cell.source):
            title = heading[1]
        if about(cell):
            found[about(cell)["grade_id"]] = title
    return found


def picture(solved: pd.DataFrame, correlations: pd.DataFrame, totals: pd.Series) -> str:
    """Three drawings side by side, as a PNG in base64."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
    labels = [name.removesuffix("-check") for name in solved.index]
    left.errorbar(labels, solved["share"], yerr=[solved["share"] - solved["low"], solved["high"] - solved["share"]], fmt="o", capsize=3)
    left.set(ylabel="share solved", ylim=(-0.05, 1.05))
    middle.errorbar(
        labels,
        correlations["correlation"],
        yerr=[correlations["correlation"] - correlations["low"], correlations["high"] - correlations["correlation"]],
        fmt="o",
        capsize=3,
    )
    middle.axhline(0, color="grey", linewidth=0.8)
    middle.set(ylabel="discrimination", ylim=(-1.05, 1.05))
    right.hist(totals, bins=np.arange(-0.5, len(labels) + 1))
    right.set(xlabel="exercises solved", ylabel="notebooks")
    for axes in (left, middle):
        axes.tick_params(axis="x", rotation=45)
    stored = io.BytesIO()
    figure.savefig(stored, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(stored.getvalue()).decode()


def write(folder: Path, week: str) -> Path:
    """Write `report-WEEK.html` into the course's folder.

    Raises:
        ValueError: nothing of this week was graded.
    """
    shares, seconds, found = outcomes(folder, week)
    if shares.empty:
        raise ValueError(f"no notebook of {week} was graded, expected at least one: run `course.py grade` first.")
    names = titles(nbformat.read(folder / "release" / week / f"{week}.ipynb", as_version=4))
    solved = shares == 1
    intervals = [stats.binomtest(int(column.sum()), len(column)).proportion_ci(0.95, "wilson") for _, column in solved.items()]
    counted = pd.DataFrame({"share": solved.mean(), "low": [i.low for i in intervals], "high": [i.high for i in intervals]})
    correlations = discrimination(shares)
    table = pd.DataFrame(
        {
            "Exercise": [names[name] for name in shares],
            "Solved": [f"{row.share:.0%} ({row.low:.0%} to {row.high:.0%})" for row in counted.itertuples()],
            "Discrimination": [
                "-" if np.isnan(row.correlation) else f"{row.correlation:.2f} ({row.low:.2f} to {row.high:.2f})"
                for row in correlations.itertuples()
            ],
            "Slowest, seconds": [f"{seconds[name].max():.1f}" if name in seconds else "-" for name in shares],
        }
    )
    extremes = [
        f"{word} solved {', '.join(names[name].partition(':')[0] for name in shares if counted['share'][name] == share)}."
        for word, share in (("Everybody", 1), ("Nobody", 0))
        if (counted["share"] == share).any()
    ]
    counts = pd.Series(found, dtype=object).value_counts()
    mistakes = pd.DataFrame(
        {
            "Exercise": [names[name] for name, _ in counts.index],
            "Mistake": [what for _, what in counts.index],
            "Notebooks": counts.to_numpy(),
        }
    )
    page = PAGE.format(
        week=week,
        students=len(shares),
        exercises=table.to_html(index=False, border=0),
        remarks=" ".join(extremes),
        picture=picture(counted, correlations, solved.sum(axis=1)),
        mistakes=mistakes.to_html(index=False, border=0) if found else "<p>None.</p>",
    )
    path = folder / f"report-{week}.html"
    path.write_text(page, encoding="utf-8")
    return path
