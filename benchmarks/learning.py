"""Measures trained models on validation pages, and plots the curves of their runs; docs/learning.md has results.

usage: python -P benchmarks/learning.py measure OUT NAME=FOLDER ... [--examples 1024] [--threads 2] [--precision P]
       python -P benchmarks/learning.py plot FILE.svg NAME=RUN[+RUN2] ...

`measure` accepts INIT of `mlukit import`, or runs, and prints a table for each, by language: loss and accuracy of words
and entities on the examples of the split `validation` of OUT, masked as in mLUKE, with the same masks for all models.
The first table is a baseline: it always predicts the entity that the train examples of the language mention most often.

`plot` draws metrics.jsonl of runs; RUN+RUN2 means that RUN2 continues RUN. This needs matplotlib, which is not a
dependency of mlukit: pip install matplotlib. The same runs give the same bytes.
(Without `-P`, Python would import pretraining.py of this folder in place of the package.)
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Rows: TypeAlias = Mapping[str, Mapping[str, float]]  # by language, the last of which is all of them

MOVED_ON = 10  # of the values of train steps, the mean of so many lines is drawn: steps hold few examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("examples_folder", type=Path, metavar="OUT")
    measuring.add_argument("models", nargs="+", type=named, metavar="NAME=FOLDER")
    measuring.add_argument("--examples", type=int, default=1024, help="maximum number of examples per language")
    measuring.add_argument("--threads", type=int, default=2)
    measuring.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    plotting = commands.add_parser("plot")
    plotting.add_argument("svg", type=Path, metavar="FILE.svg")
    plotting.add_argument("runs", nargs="+", type=named, metavar="NAME=RUN[+RUN2]")
    asked = parser.parse_args()
    if asked.command == "plot":
        plot(asked.svg, [(name, [Path(run) for run in runs.split("+")]) for name, runs in asked.runs])
    else:
        measure(asked)


def named(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name, folder


def measure(asked: argparse.Namespace) -> None:
    import torch

    from mlukit.evaluation.encoder.held_out import constant_on_held_out, model_on_held_out
    from mlukit.pretraining.config import DataConfig, RunConfig, TrainingConfig
    from mlukit.pretraining.data.dataset import open_dataset
    from mlukit.pretraining.training.initial_weights import initial_model
    from mlukit.pretraining.training.run_folder import read_model_config

    torch.set_num_threads(asked.threads)
    dataset = open_dataset(asked.examples_folder, DataConfig())
    show("always the most frequent entity", dict(constant_on_held_out(dataset, asked.examples)))
    for name, folder in asked.models:
        config = RunConfig(model=read_model_config(Path(folder)), data=DataConfig(), training=TrainingConfig())
        model, _ = initial_model(config, Path(folder))
        show(name, dict(model_on_held_out(model, dataset, asked.examples, asked.precision)))


def show(name: str, rows: Rows) -> None:
    """Prints a table."""
    columns = list(rows["all"])
    print(f"\n{name}\n\n| language | {' | '.join(column.replace('_', ' ') for column in columns)} |")
    print(f"| --- |{' ---: |' * len(columns)}")
    for language, values in rows.items():
        print(f"| {language} | {' | '.join(shown(column, values[column]) for column in columns)} |", flush=True)


def shown(column: str, value: float) -> str:
    if column.endswith("accuracy"):
        return f"{value:.1%}"
    return f"{value:,.0f}" if column == "targets" else f"{value:.2f}"


def plot(svg: Path, runs: Sequence[tuple[str, Sequence[Path]]]) -> None:
    """Four panels: loss and accuracy of words and of entities, a line for each run, points on held-out pages."""
    import matplotlib as mpl  # type: ignore[import-not-found]

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "mlukit", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex=True, layout="constrained")
    panels = {"word_loss": axes[0][0], "entity_loss": axes[0][1], "word_accuracy": axes[1][0]}
    panels["entity_accuracy"] = axes[1][1]
    for number, (name, parts) in enumerate(runs):
        lines = joined(parts)
        for value, panel in panels.items():
            color = f"C{number}"
            panel.plot(*smoothed(lines, value), color=color, linewidth=0.8, alpha=0.6)
            held_out = [
                (line["step"], line[value])
                for line in lines
                if line["kind"] == "validation" and line["language"] == "all"
            ]
            panel.plot(*zip(*held_out, strict=True), color=color, marker="o", markersize=4, label=name)
            panel.set_title(value.replace("_", " "))
    for panel in axes[1]:
        panel.set_xlabel("step; points: held-out pages, thin lines: train")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(runs))
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})


def joined(parts: Sequence[Path]) -> list[dict[str, Any]]:
    """The lines of runs one after the other, their steps counted on."""
    lines: list[dict[str, Any]] = []
    done = 0
    for run in parts:
        own = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        lines += [{**line, "step": line["step"] + done} for line in own]
        done = lines[-1]["step"]
    return lines


def smoothed(lines: Sequence[Mapping[str, Any]], value: str) -> tuple[list[int], list[float]]:
    """Steps, and the mean of the values of the last few lines at each."""
    train = [line for line in lines if line["kind"] == "train" and value in line]
    last = [train[max(0, n + 1 - MOVED_ON) : n + 1] for n in range(len(train))]
    return [line["step"] for line in train], [sum(line[value] for line in few) / len(few) for few in last]


if __name__ == "__main__":
    main()
