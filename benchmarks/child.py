"""What `benchmarks.measure.end_to_end` runs in a process of its own: one call of `animate`, file to file."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import runtime


def main(bundle: str, source: str, driving: str, output: str) -> None:
    """Prints a line when the first frames are rendered, and one with the result (JSON) at the end."""
    marks: list[tuple[float, int]] = []
    begun: list[float] = []

    def watch(done: int, _: int | None) -> None:
        if not marks:
            print("first", flush=True)
            begun.append(time.process_time())
        marks.append((time.perf_counter(), done))

    animation = runtime.animate(source, driving, model=bundle, output=output, device="cpu", progress=watch)
    first, end = marks[0], time.perf_counter()
    fps = (len(animation) - first[1]) / (end - first[0])
    codec = resource.getrusage(resource.RUSAGE_CHILDREN)  # ffmpeg's processes, all ended by now
    used = time.process_time() - begun[0] + codec.ru_utime + codec.ru_stime
    cpu = used / (len(animation) - first[1])
    result = {"frames": len(animation), "fps": fps, "cpu": cpu, "rss_mb": peak_memory() / 1e6}
    print(json.dumps(result), flush=True)


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage would count what the parent held at the fork, PyTorch and all.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main(*sys.argv[1:])
