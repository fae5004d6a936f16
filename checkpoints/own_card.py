"""The card that lies in a bundle's folder: its owner's words, which the description's seal covers since format 1.3.

`python -m checkpoints.own_card FOLDER` seals a bundle whose card was written anew.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints.card import CARD, model_card
from checkpoints.description import DESCRIPTION, read_json, seal
from checkpoints.errors import BunrakuError, ModelError

if TYPE_CHECKING:
    from checkpoints.bundle import Bundle

_MAX_BYTES = 1 << 20


def digest(card: str) -> str:
    """The hash of a card, in hexadecimal, as a description gives it under `card`."""
    return hashlib.sha256(card.encode()).hexdigest()


def read_card(folder: Path) -> str | None:
    """The text of the card in `folder`; None where there is none that can be shown: a file of that folder itself and
    not one that a link brings in from elsewhere, of a sensible size.
    """
    path = folder / CARD
    try:
        inside = path.resolve().parent == folder.resolve()
        if not inside or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        # Line ends of another system, as a checkout makes them, become ours again.
        return path.read_bytes().replace(b"\r\n", b"\n").decode(errors="replace")
    except (OSError, RuntimeError):  # the latter for links that lead in a circle
        return None


def check_card(bundle: Bundle) -> None:
    """Raises `ModelError` when the card in the folder of `bundle` is another than the sealed one."""
    card = read_card(bundle.folder) if bundle.folder and bundle.card is not None else None
    if card is not None and digest(card) != bundle.card:
        raise ModelError(
            f"{bundle.folder}/{CARD} was changed after it was sealed; fetch or export the model again, or if the new "
            f"words are yours: python -m checkpoints.own_card {bundle.folder}"
        )


def shown_card(bundle: Bundle) -> str:
    """The owner's words on `bundle` where its folder has them, else what is made from the description."""
    own = read_card(bundle.folder) if bundle.folder else None
    return model_card(bundle) if own is None or bundle.card not in (None, digest(own)) else own


def with_card(folder: Path, card: str) -> str:
    """The description in `folder`, sealed for the text `card`. Raises `ModelError` as reading it does."""
    return seal({**read_json(folder), "card": digest(card)})


def seal_card(folder: Path) -> None:
    """Let the seal of the bundle in `folder` cover the card that lies there now.

    Raises `ModelError` where there is no card or no bundle, and `OSError` where it cannot be written.
    """
    card = read_card(folder)
    if card is None:
        raise ModelError(f"{folder} holds no {CARD} of its own, so there is nothing to seal; write one first.")
    text = with_card(folder, card)
    aside = folder / f".{DESCRIPTION}.part"
    aside.write_text(text, encoding="utf-8", newline="\n")
    aside.replace(folder / DESCRIPTION)


def main() -> int:
    """Exit status: 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m checkpoints.own_card", description="Seal a bundle's new card.")
    parser.add_argument("folder", type=Path, help="folder of the bundle, with the new README.md")
    try:
        seal_card(parser.parse_args().folder)
    except (BunrakuError, OSError) as error:
        print(f"bunraku: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
