"""What `benchmarks.measure.end_to_end` runs in a process of its own: one call of `animate`, file to file."""

from __future__ import annotations

import json
import resource
import sys
import time

import runtime


def main(bundle: str, source: str, driving: str, output: str) -> None:
    """Prints a line when the first frames are rendered, and one with the result (JSON) at the end."""
    marks: list[tuple[float, int]] = []

    def watch(done: int, _: int | None) -> None:
        if not marks:
            print("first", flush=True)
        marks.append((time.perf_counter(), done))

    animation = runtime.animate(source, driving, model=bundle, output=output, device="cpu", progress=watch)
    first, end = marks[0], time.perf_counter()
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    result = {
        "frames": len(animation),
        "fps": (len(animation) - first[1]) / (end - first[0]),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
