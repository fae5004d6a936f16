"""The models that a page offers, by name; opened when they are first wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from checkpoints.bundle import Bundle
from checkpoints.errors import ModelError
from checkpoints.registry import available_models, load_model
from demo.pace import Paces, measured
from runtime import Engine
from runtime.auto import AUTO, AutoModel
from runtime.graphs.sessions import Device


class Shelf:
    """Models on one device. Safe to share between threads."""

    def __init__(self, models: Sequence[str | Path], device: Device = "auto", opened: int = 3) -> None:
        """`models` are offered in that order, then those that come with the package; the first one is opened.

        At most `opened` of them stay open, so that memory is bounded however many there are. Raises `ModelError`
        when one of them or the device is not to be had.
        """
        self._device = device
        self._most = opened
        self._lock = threading.RLock()
        self._bundles: dict[str, Bundle] = {}
        self._open: OrderedDict[str, Engine] = OrderedDict()
        self._paces = Paces()
        first = self.add(models[0])
        self.engine(first)
        for model in [*models[1:], *available_models()]:
            self.add(model)

    @property
    def names(self) -> list[str]:
        """What may be asked for; the first is the page's own choice."""
        with self._lock:
            return list(self._bundles)

    def add(self, model: str | Path) -> str:
        """Offer one more (see `checkpoints.registry.load_model`), under the name that is returned."""
        bundle = load_model(model)
        if bundle.folder is not None:  # the page will work in a folder of its own
            bundle = replace(bundle, folder=bundle.folder.resolve())
        with self._lock:
            for name, known in self._bundles.items():
                if known.folder == bundle.folder:
                    return name
            name = bundle.name if bundle.name not in self._bundles else str(model)
            self._bundles[name] = bundle
            return name

    def bundle(self, name: str | None = None) -> Bundle:
        """The description of a model; where none is named, or one is to be chosen, of the first. Raises
        `ModelError` for a name that is not offered: a visitor must not make the page read any folder there is.
        """
        with self._lock:
            name = next(iter(self._bundles)) if name in (None, "", AUTO) else name
            if name not in self._bundles:
                raise ModelError(f'There is no model "{name}" here; choose one of {", ".join(self._bundles)}.')
            return self._bundles[name]

    def engine(self, name: str | None = None) -> Engine:
        """The opened model of that name, by default the first. Raises `ModelError`."""
        with self._lock:  # also while it opens: two visitors need it once
            bundle = self.bundle(name)
            name = self.names[0] if name in (None, "", AUTO) else name
            if name not in self._open:
                self._open[name] = Engine(bundle, device=self._device)
                while len(self._open) > self._most:
                    self._open.popitem(last=False)
            self._open.move_to_end(name)
            return self._open[name]

    def chooser(self) -> AutoModel:
        """Chooses among the models that are offered."""
        with self._lock:
            return AutoModel(self.engine, partial(tuple, self._bundles.items()))

    def pace(self, name: str | None = None) -> float:
        """Seconds a frame, as last measured; measured now when this model has not been used yet."""
        pace = self.known_pace(name)
        if pace is None:
            pace = measured(self.engine(name))
            self._paces.record(self.bundle(name), self._device, pace)
        return pace

    def known_pace(self, name: str | None = None) -> float | None:
        """The same where it is known already."""
        return self._paces.known(self.bundle(name), self._device)

    def record(self, name: str | None, seconds: float, frames: int) -> None:
        """Remember that so many frames took so long."""
        if frames:
            self._paces.record(self.bundle(name), self._device, seconds / frames)
