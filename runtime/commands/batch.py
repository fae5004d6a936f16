"""`bunraku batch`: move many pictures as many videos move: crossed, watched for, or from a list of pairs."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from checkpoints.errors import InputError, OptionError
from runtime.animate import Request
from runtime.commands.animate import FORMATS
from runtime.commands.declaring import declare
from runtime.graphs.memory import stay_small
from runtime.many.batch import RESULTS, Outcome, made, run_batch
from runtime.many.batch_ray import on_ray
from runtime.many.batching import looking
from runtime.many.processes import on_processes
from runtime.many.watch import keep_watch

HELP = "move many pictures as many videos move"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; besides its own they are those of `bunraku animate`."""
    parser.epilog = (
        "Started again, it goes on where it stopped. Failures are recorded in the folder's "
        f"{RESULTS} and tried again the next time."
    )
    add = parser.add_argument
    what = (
        "pictures, videos to be moved, or folders of them, and last a video, a motion file, or a folder of them, that "
        "drives them all; or one list of pairs (PAIRS.csv) with the columns source, driving and, if wanted, output, "
        "and options (crop, mode ...) of single pairs"
    )
    add("inputs", metavar="SOURCE ... DRIVING", nargs="+", type=Path, help=what)
    add("-o", "--output", required=True, type=Path, metavar="FOLDER", help="where to write")
    add("--format", choices=FORMATS, default="mp4", help="of results without a name; png is a folder (%(default)s)")
    add("--watch", action="store_true", help="go on with what is put into the folders, or the list, until stopped")
    add("--ray", metavar="ADDRESS", help="work on a Ray cluster: ray://HOST:PORT, auto, or local for this machine")
    add("--workers", type=int, help="processes at once (default: as many as pay; with --ray 2)")
    add("--cores", type=int, help="cores of each (default: its share of this machine's; with --ray 1)")
    declare(parser, Request)


def run(args: argparse.Namespace) -> int:
    """Do all; the last line on stdout is the path of the results file. Raises `InputError` when a pair failed."""
    stay_small()
    options = {key: value for key, value in vars(args).items() if key != "command"}
    inputs, folder, address, workers, cores, progress, form, watched = (
        options.pop(key) for key in ("inputs", "output", "ray", "workers", "cores", "progress", "format", "watch")
    )
    *sources, driving = inputs
    look = looking(sources, driving, folder, form) if sources else looking(driving, None, folder, form)
    if watched:
        if address:
            raise OptionError("A folder is watched on this machine alone; leave --ray or --watch out.")
        if workers is not None or cores is not None:
            raise OptionError("A folder is watched by one process; leave --workers and --cores, or --watch, out.")
        keep_watch(look, made(folder), options, partial(_tell, folder))
    jobs = look()
    if address:
        where = on_ray(address, 2 if workers is None else workers, 1 if cores is None else cores)
    else:
        where = on_processes(workers, cores)
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


def _tell(folder: Path, outcome: Outcome) -> None:
    """Says what became of a pair while a folder is watched."""
    if outcome.error is None:
        print(folder / outcome.output, flush=True)
    else:
        print(f"bunraku: {outcome.output} failed: {outcome.error}", file=sys.stderr, flush=True)
