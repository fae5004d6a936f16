"""`--model auto`: of the models that are here, the one that suits what picture and driver show."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

from checkpoints.bundle import Bundle
from checkpoints.errors import BunrakuWarning, ModelError
from checkpoints.registry import models_here
from runtime.engine import DEFAULT_MODEL, Engine
from runtime.framing.framing import Framing
from runtime.framing.kinds import Kind, kind_of, pair_kind
from runtime.media.picture import Picture, read_image
from runtime.motion.driving import Clip
from runtime.sources.footage import first_pictures

AUTO = "auto"
"""What stands for a model's name where one is to be chosen."""
OWN: Mapping[Kind, str] = {"face": DEFAULT_MODEL, "body": "bodies-lite", "cartoon": "cartoons-lite"}
"""Our model of each kind, which goes before others."""

_SHOWS: Mapping[Kind, str] = {"face": "a face", "body": "a whole person", "cartoon": "nobody's face"}
_OF: Mapping[Kind, str] = {"face": "faces", "body": "whole people", "cartoon": "drawn figures"}


class AutoModel:
    """Chooses among the models that are here; each is opened once. Safe to share between threads."""

    def __init__(
        self, open_model: Callable[[str], Engine], offered: Callable[[], Iterable[tuple[str, Bundle]]] | None = None
    ) -> None:
        """`open_model`: from a name to its engine. `offered`: names and descriptions of what there is to choose from,
        by default what is embedded, cached, or of our models' names in the current folder.
        """
        self._open = open_model
        self._offered = offered or (lambda: models_here(OWN.values()))
        self._lock = threading.Lock()
        self._engines: dict[str, Engine] = {}

    def engine_for(self, source: Clip | None, views: Sequence[Picture], clips: Sequence[Clip]) -> Engine:
        """The engine for a `source` that moves, or else the pictures `views`, and the `clips` that drive it. Says in a
        `BunrakuWarning` what was found and chosen, and, where no model of that kind is here, how to get one. Raises
        `InputError` where they cannot be read, `ModelError` where there is no model at all.
        """
        if source is None:
            shown = kind_of([read_image(view) for view in views[:1]], thorough=True)
        else:
            shown = kind_of(first_pictures(source), thorough=False)
        drives = kind_of(first_pictures(clips[0]), thorough=False)
        name, said = self._chosen(pair_kind(shown, drives))
        warnings.warn(
            f"The picture shows {_SHOWS[shown]}, what drives it {_SHOWS[drives]}: {said}", BunrakuWarning, stacklevel=2
        )
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._open(name)
            return self._engines[name]

    def _chosen(self, wanted: Kind) -> tuple[str, str]:
        """The name of the model that moves what is `wanted`, or else another's, and what to say of it."""
        kinds = {name: Framing.of(bundle.framing).kind for name, bundle in self._offered()}
        fit = sorted((name != OWN[wanted], index, name) for index, name in enumerate(kinds) if kinds[name] == wanted)
        if fit:
            name = fit[0][-1]
            return name, f'the model "{name}" is taken.'
        if not kinds:
            raise ModelError("There is no model here to choose from; name one with model.")
        name = next((name for name, kind in kinds.items() if kind == "face"), next(iter(kinds)))
        return name, (
            f'the model "{name}" is taken, since none of {_OF[wanted]} is here. Get one ("bunraku models --hub" lists '
            "those that are published), or make it (docs/training.md), and name it with model."
        )
