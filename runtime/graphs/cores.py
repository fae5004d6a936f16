"""How many cores, and how much memory, this process may really use; containers and batch systems grant less than the
machine has.
"""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_UNTOLD = 8_000_000_000
"""Bytes of memory that are counted on where nobody says."""


def available_cores(cgroup: Path = _CGROUP) -> int:
    """Cores granted by the scheduler's affinity mask and the container's CPU quota, at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, affinity if quota is None else min(affinity, round(quota)))


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int:
    """Bytes of memory that nobody uses and the container may; 8e9 where neither is told."""
    found = []
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        found.append(1024 * int(lines["MemAvailable"].split()[0]))
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:
        limit, used = ((cgroup / name).read_text().strip() for name in ("memory.max", "memory.current"))
        found.append(max(0, int(limit) - int(used)))  # "max" is no number: no limit
    except (OSError, ValueError):
        pass
    return min(found, default=_UNTOLD)


def _quota(cgroup: Path) -> float | None:
    """Cores allowed by the cgroup (version 2, then 1); None where unlimited or not in one."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if limit in ("max", "-1"):
        return None
    try:
        return int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
