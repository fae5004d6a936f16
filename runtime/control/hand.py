"""What of a model can be set by hand, as far as its description tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkpoints.bundle import Bundle
from checkpoints.contract import EYE_OPENING, LIP_OPENING, RENDER, STITCHING, SWITCHES
from checkpoints.errors import OptionError
from checkpoints.parameters import Parameter
from runtime.control.parts import PARTS, Strengths
from runtime.control.pose import CONTROLS, Pose
from runtime.control.retargeting import retargeted
from runtime.layers.anatomy import NEEDED

if TYPE_CHECKING:
    from runtime.options import CommonOptions

TURNS = ("yaw", "pitch", "roll")
OPENS = {LIP_OPENING: "mouth", EYE_OPENING: "eyes"}
"""Of what `render` may be told the control that it is set by, which is called as the part of the face."""


def has_names(bundle: Bundle) -> bool:
    """Whether the model's points have the names of a face's."""
    return NEEDED.issubset(bundle.structure.get("names", ()))


def switches_of(bundle: Bundle) -> frozenset[str]:
    """What `render` of the model may be told beside motions (`checkpoints.contract.SWITCHES`)."""
    return frozenset(name for name in SWITCHES if name in bundle.graphs[RENDER].inputs)


def controls_of(bundle: Bundle) -> tuple[str, ...]:
    """Those of `CONTROLS` that a pose of the model's may hold: all of them where its points have the names of a face's,
    else those of which its motions have turns, or its `render` may be told.
    """
    if has_names(bundle):
        return tuple(CONTROLS)
    known = {OPENS[name] for name in switches_of(bundle) if name in OPENS}
    if any(turns_head(what) for what in bundle.motion.values()):
        known |= {*TURNS}
    return tuple(name for name in CONTROLS if name in known)


def turns_head(what: Parameter) -> bool:
    """Whether a parameter is the head's turn in space."""
    return what.kind == "rotation" and set(what.parts) == {"head"}


def check_controls(bundle: Bundle, pose: Pose) -> None:
    """Raises `OptionError` where a model has no controls, or not all that are not 0 in the `pose`."""
    known = controls_of(bundle)
    if not known:
        raise _nameless(bundle, "pose")
    lacking = [name for name, value in pose.items() if value and name not in known]
    if not lacking:
        return
    raise OptionError(
        f'The model "{bundle.name}" has no {", ".join(lacking)} to be set by hand; it has {", ".join(known)}.'
    )


def check_wishes(bundle: Bundle, options: CommonOptions) -> None:
    """Raises `OptionError` where something is asked for that a model cannot do."""
    known, named = switches_of(bundle), has_names(bundle)
    parts = named or any(what.parts for what in bundle.motion.values())
    if not parts and Strengths.of(options.parts, options.strength).uniform is None:
        raise _nameless(bundle, "parts or strengths of them")
    if parts and not named:
        _check_gaze(bundle, Strengths.of(options.parts, options.strength))
    if options.neutral and not named and known.isdisjoint(OPENS):
        raise _nameless(bundle, "neutral")
    if options.pose:
        check_controls(bundle, options.pose)
    _check_told(bundle, known, retargeted(options.retargeting), float(options.stitching))


def _check_gaze(bundle: Bundle, strengths: Strengths) -> None:
    """Lids and irises are one where parameters tell the parts: the gaze by itself would move nothing."""
    if strengths.gaze and not any(getattr(strengths, part) for part in PARTS if part != "gaze"):
        raise OptionError(
            f'Of the parts of a face the model "{bundle.name}" moves lids and irises together, as eyes; say '
            "parts=eyes, or choose a model that moves the gaze by itself, such as faces-lite."
        )


def _nameless(bundle: Bundle, wish: str) -> OptionError:
    return OptionError(
        f'The points of the model "{bundle.name}" have no names, so that it cannot tell the parts of a face apart; '
        f"leave {wish} out, or choose a model whose points have names, such as faces-lite."
    )


def _check_told(bundle: Bundle, known: frozenset[str], retargeting: tuple[str, ...], stitching: float) -> None:
    if stitching != SWITCHES[STITCHING][0] and STITCHING not in known:
        raise OptionError(
            f'stitching is {stitching:g}, but the model "{bundle.name}" has no network that stitches; leave stitching '
            "out, or choose a model that has one, such as LivePortrait."
        )
    lacking = [part for part in retargeting if part not in {OPENS[name] for name in known if name in OPENS}]
    if lacking:
        raise OptionError(
            f'retargeting is {",".join(retargeting)}, but the model "{bundle.name}" has no network that opens '
            f"{' and '.join(lacking)}; leave retargeting out, or choose a model that has one, such as LivePortrait."
        )
