"""`python -m training.bare.card -o OUT`: what a graphics card makes of rendering and of the models, in two minutes.

Needs what `training.bare` needs. Each figure is guarded by itself: what fails is printed, the rest is measured. Ratios
are to eager PyTorch in float32 in the same run; the difference is of pictures, to the same. `torch.compile` comes last
and for one model only: it takes a minute. The engine is not measured: a bare machine has no ONNX Runtime.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from training.bare.rendering import Wanted, cores, render_all
from training.bare.smoke import Checks, machine
from training.config import load_config
from training.models.base import MotionModel
from training.models.registry import build

MODELS = ("faces-lite", "faces", "tpsmm-vox", "fomm-vox")
"""Configurations whose models, with random weights, are measured."""
Step = Callable[[], Tensor]


@dataclass(frozen=True)
class Way:
    """A way to run a model."""

    dtype: torch.dtype = torch.float32
    compiled: bool = False
    graph: bool = False
    """Captured as a CUDA graph: no launches from Python."""

    @property
    def name(self) -> str:
        """In words."""
        how = "compiled" if self.compiled else "CUDA graph" if self.graph else "eager"
        return f"{how} {str(self.dtype).removeprefix('torch.')}"


WAYS = (
    Way(),
    Way(torch.bfloat16),
    Way(torch.float16),
    Way(graph=True),
    Way(torch.float16, graph=True),
)
COMPILED = (Way(compiled=True), Way(torch.bfloat16, compiled=True))


def synchronise(device: torch.device) -> None:
    """Wait for all that the device was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(step: Step, device: torch.device, budget: float = 1.0) -> float:
    """Of one call, the mean over as many as fit in `budget` seconds, at least three, after two that do not count."""
    for _ in range(2):
        step()
    synchronise(device)
    begin, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - begin < budget:
        step()
        count += 1
        if count % 8 == 0:
            synchronise(device)
    synchronise(device)
    return (time.perf_counter() - begin) / count


@contextmanager
def running(model: MotionModel, way: Way, batch: int, size: int, device: torch.device) -> Iterator[Step]:
    """What makes `batch` frames of one source: detector, dense motion and painter; gives the pictures."""
    generator = torch.Generator().manual_seed(1)
    source = torch.rand(1, 3, size, size, generator=generator).to(device)
    driving = torch.rand(batch, 3, size, size, generator=generator).to(device)
    half = torch.autocast(device.type, way.dtype) if way.dtype != torch.float32 else nullcontext()
    with torch.inference_mode(), half:
        features, still = model.encode(source), model.detect(source)
        frame = torch.compile(model.render) if way.compiled else model.render
        detect = torch.compile(model.detect) if way.compiled else model.detect

        def step() -> Tensor:
            return frame(features, still, detect(driving)).image

        if not way.graph:
            yield step
            return
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            image = step()

        def replay() -> Tensor:
            graph.replay()
            return image

        yield replay


def measure(name: str, way: Way, batch: int, device: torch.device, plain: dict[str, tuple[float, Tensor]]) -> str:
    """One line: frames a second of a model that way; `plain` keeps what the first way of every model gave."""
    run = load_config(name)
    torch.manual_seed(0)
    model = build(run.family, run.model).to(device).eval()
    size = max(stage.size for stage in run.stages) if name != "faces-lite" else 256
    with running(model, way, batch, size, device) as step:
        seconds = seconds_of(step, device) / batch
        image = step().float().cpu()
    key = f"{name} {batch}"
    first, picture = plain.setdefault(key, (seconds, image))
    apart = float((image - picture).abs().max()) * 255
    return f"{1 / seconds:.1f} frames a second at {size}, x{first / seconds:.2f}, {apart:.1f}/255 apart"


def render(workers: int) -> str:
    """One line: frames a second that so many processes draw."""
    wanted = Wanted(16 * max(2, workers), 4, 256)
    with TemporaryDirectory() as folder:
        begin = time.perf_counter()
        frames, _ = render_all(Path(folder), wanted, workers, lambda: time.perf_counter() - begin > 25)
        return f"{frames / (time.perf_counter() - begin):.1f} frames a second, the start included"


class Tee:
    """Standard output that goes into a file as well."""

    def __init__(self, path: Path) -> None:
        self.file, self.out = path.open("w", encoding="utf-8"), sys.stdout

    def write(self, text: str) -> int:
        """As of a file."""
        self.file.write(text)
        return self.out.write(text)

    def flush(self) -> None:
        """As of a file."""
        self.file.flush()
        self.out.flush()


def main() -> int:
    """Exit status 0 where everything could be measured in time."""
    parser = argparse.ArgumentParser(prog="python -m training.bare.card", description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out"), help="folder for card.txt (default: out)")
    parser.add_argument("--seconds", type=float, default=120.0, help="after which nothing is begun (default: 120)")
    parser.add_argument("--models", nargs="*", default=MODELS, help="configurations (default: %(default)s)")
    parser.add_argument("--batch", type=int, nargs="*", default=(1, 16), help="frames at once (default: 1 16)")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checks = Checks(time.monotonic() + args.seconds)
    plain: dict[str, tuple[float, Tensor]] = {}
    ways = [way for way in WAYS if device.type == "cuda" or not (way.graph or way.dtype == torch.float16)]
    out, sys.stdout = sys.stdout, Tee(args.output / "card.txt")
    try:
        checks.run("machine", machine)
        for name, batch, way in product(args.models, args.batch, ways):
            checks.run(f"{name}, {batch} at once, {way.name}", partial(measure, name, way, batch, device, plain))
        for workers in sorted({1, max(1, cores() - 2)}):
            checks.run(f"rendering heads in {workers} processes", partial(render, workers))
        for way in COMPILED if device.type == "cuda" else ():
            name, batch = args.models[0], args.batch[-1]
            checks.run(f"{name}, {batch} at once, {way.name}", partial(measure, name, way, batch, device, plain))
        for missed in checks.missed:
            print(f"missed  {missed}")
        sys.stdout.flush()
    finally:
        sys.stdout = out
    return 1 if checks.failed or checks.missed else 0


if __name__ == "__main__":
    sys.exit(main())
