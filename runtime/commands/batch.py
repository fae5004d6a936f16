"""`bunraku batch`: move many pictures, each as a video of its own moves."""

from __future__ import annotations

import argparse
from pathlib import Path

from checkpoints.errors import InputError
from runtime.animate import Request
from runtime.commands.animate import FORMATS
from runtime.commands.declaring import declare
from runtime.graphs.memory import stay_small
from runtime.many.batch import RESULTS, run_batch
from runtime.many.batch_ray import on_ray
from runtime.many.pairs import read_pairs

HELP = "move many pictures, from a list of pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; besides its own they are those of `bunraku animate`."""
    parser.epilog = (
        "Started again, it goes on where it stopped. Failures are recorded in the folder's "
        f"{RESULTS} and tried again the next time."
    )
    add = parser.add_argument
    columns = "columns: source, driving and, if wanted, output, and options (crop, mode ...) of single pairs"
    add("pairs", metavar="PAIRS.csv", type=Path, help=columns)
    add("-o", "--output", required=True, type=Path, metavar="FOLDER", help="where to write")
    add("--format", choices=FORMATS, default="mp4", help="of results without a name; png is a folder (%(default)s)")
    add("--ray", metavar="ADDRESS", help="work on a Ray cluster: ray://HOST:PORT, auto, or local for this machine")
    add("--workers", type=int, default=2, help="with --ray: processes at once (%(default)s)")
    add("--cores", type=int, default=1, help="with --ray: cores of each (%(default)s)")
    declare(parser, Request)


def run(args: argparse.Namespace) -> int:
    """Do all; the last line on stdout is the path of the results file. Raises `InputError` when a pair failed."""
    stay_small()
    options = {key: value for key, value in vars(args).items() if key != "command"}
    pairs, folder, address, workers, cores, progress, form = (
        options.pop(key) for key in ("pairs", "output", "ray", "workers", "cores", "progress", "format")
    )
    jobs = read_pairs(pairs, "/" if form == "png" else f".{form}")
    where = on_ray(address, workers, cores) if address else None
    from tqdm import tqdm

    with tqdm(total=len(jobs), unit=" pairs", disable=not progress) as bar:
        outcomes = run_batch(jobs, folder, options, where, lambda done, _: bar.update(done - bar.n))
    print(folder / RESULTS)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise InputError(
            f"{len(failed)} of {len(outcomes)} pairs failed, the first by: {failed[0].error} All are in "
            f"{folder / RESULTS}."
        )
    return 0
