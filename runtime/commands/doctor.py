"""`bunraku doctor`: look whether everything works here, and say what to do about what does not."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from runtime.animate import Request
from runtime.commands.animate import SAMPLE
from runtime.commands.declaring import declare

HELP = "look whether everything works here, and what to do if not"

_MARKS = {"works": "ok", "fault": "FAULT", "absent": "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Ends with status 0 where a picture can be moved, else with 2. Nothing is sent anywhere."
    parser.add_argument("--json", action="store_true", help="as JSON, for a report")
    declare(parser, Request, only=("model", "device"))


def run(args: argparse.Namespace) -> int:
    """Print a line for each finding as it is made; returns 0, or 2 where there is a fault."""
    from runtime.doctor import examine

    findings = []
    for finding in examine(args.model, SAMPLE, args.device):
        findings.append(finding)
        if not args.json:
            print(f"{_MARKS[finding.state]:6}{finding.what}: {finding.words}", flush=True)
    faults = sum(finding.state == "fault" for finding in findings)
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        many = "fault; its line says" if faults == 1 else "faults; their lines say"
        print(f"{faults} {many} what to do." if faults else "Pictures can be moved here.")
    return 2 if faults else 0
