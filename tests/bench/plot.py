"""Draws a run: `python plot.py benchmark.json out.svg`. Needs matplotlib and nothing of tieout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

OURS, OTHERS, LIMIT = "#1f6f8b", "#b9c4cc", "#e0a458"


def _note(row: dict[str, object]) -> str:
    return "" if row["verified"] else ", other and smaller work"


def main(source: Path, target: Path) -> None:
    run = json.loads(source.read_text())
    rows = [row for row in run["rows"] if row["measured"] and not row["wrong"]]
    names = [f"{row['title'].partition(' (')[0]}\n{row['guarantee'] + _note(row)}" for row in rows]
    colours = [OURS if "tieout" in row["name"] else LIMIT if "raw" in row["name"] else OTHERS for row in rows]
    hatches = ["" if row["verified"] else "///" for row in rows]
    figure, axes = plt.subplots(1, 2, figsize=(13, 0.6 * len(rows) + 1.6), sharey=True)
    for axis, field, title in (
        (axes[0], "rate", "events per second (more is better)"),
        (axes[1], "cpu_per_1000", "CPU seconds per 1,000 events, broker apart (less is better)"),
    ):
        bars = axis.barh(
            names, [row["measured"][field] for row in rows], color=colours, hatch=hatches, edgecolor="white"
        )
        axis.bar_label(bars, fmt="{:,.0f}" if field == "rate" else "{:.3f}", padding=3)
        axis.set_title(title, fontsize=10)
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.suptitle(
        f"orchestration of {run['events']:,} commercial events on Apache Kafka, one run, {run['cores']} cores"
    )
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
