"""How the page looks: a dark stage (or washi paper, where the visitor's system is light) and one warm accent.

The style sheet arranges; the colours, also those that it uses, are set here, once for light and once for dark.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import gradio as gr
from gradio.themes.utils import sizes

from demo import words

ASSETS = Path(__file__).resolve().parent / "assets"
STYLE = ASSETS / "style.css"
EMBLEM = ASSETS / "emblem.svg"
ACCESS = ASSETS / "access.js"
FONT = "IBM Plex Sans"

_PAPER = gr.themes.Color(
    name="paper",
    c50="#fdfaf4",
    c100="#f7f0e4",
    c200="#e8dcc8",
    c300="#d3c3aa",
    c400="#a8967f",
    c500="#7d6c5a",
    c600="#64564a",
    c700="#3a302a",
    c800="#231d19",
    c900="#191411",
    c950="#110e0c",
)
_VERMILION = gr.themes.Color(
    name="vermilion",
    c50="#fdf1ec",
    c100="#fbe0d6",
    c200="#f6c0ae",
    c300="#f0a089",
    c400="#e8714e",
    c500="#d95332",
    c600="#b23c1e",
    c700="#953018",
    c800="#722615",
    c900="#4c1c12",
    c950="#2c110b",
)


_INK, _CREAM, _DIM = "#2a211b", "#f3eadf", "#b9ab9b"

_ALWAYS = {
    "button_border_width": "1px",
    "block_label_border_width": "0px",
    "block_label_text_weight": "600",
    "block_title_text_weight": "600",
    "block_shadow": "none",
    "button_large_text_weight": "600",
}
"""Gradio's theme variables, the same in light and dark."""

_LIGHT_AND_DARK = {
    "body_background_fill": ("*neutral_100", "*neutral_950"),
    "body_text_color": (_INK, _CREAM),
    "body_text_color_subdued": ("*neutral_600", _DIM),
    "background_fill_primary": ("*neutral_50", "*neutral_900"),
    "background_fill_secondary": ("*neutral_100", "*neutral_950"),
    "block_background_fill": ("*neutral_50", "*neutral_900"),
    "block_border_color": ("*neutral_200", "*neutral_700"),
    "border_color_primary": ("*neutral_200", "*neutral_700"),
    "block_label_background_fill": ("*neutral_50", "*neutral_900"),
    "block_label_text_color": (_INK, _CREAM),
    "block_title_text_color": (_INK, _CREAM),
    "block_info_text_color": ("*neutral_600", _DIM),
    "input_background_fill": ("#fffdf9", "*neutral_800"),
    "input_border_color": ("*neutral_300", "*neutral_700"),
    "checkbox_background_color": ("#fffdf9", "*neutral_800"),
    "checkbox_border_color": ("*neutral_400", "*neutral_500"),
    "checkbox_background_color_selected": ("*primary_600", "*primary_400"),
    "checkbox_border_color_selected": ("*primary_600", "*primary_400"),
    "checkbox_label_background_fill": ("transparent", "transparent"),
    "checkbox_label_background_fill_hover": ("*neutral_100", "*neutral_800"),
    "checkbox_label_background_fill_selected": ("*neutral_100", "*neutral_800"),
    "checkbox_label_text_color_selected": (_INK, _CREAM),
    "checkbox_label_border_color": ("*neutral_200", "*neutral_700"),
    "color_accent_soft": ("*primary_100", "*neutral_700"),
    "button_primary_background_fill": ("*primary_600", "*primary_400"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_300"),
    "button_primary_text_color": ("#ffffff", "#1d0c06"),
    "button_primary_border_color": ("transparent", "transparent"),
    "button_secondary_background_fill": ("transparent", "transparent"),
    "button_secondary_background_fill_hover": ("*neutral_200", "*neutral_800"),
    "button_secondary_border_color": ("*neutral_400", "*neutral_500"),
    "slider_color": ("*primary_600", "*primary_400"),
}
"""Gradio's theme variables, in light and in dark."""


def theme() -> gr.themes.Base:
    """The page's theme. Its font comes with the page (`style`): nothing is fetched from elsewhere."""
    base = gr.themes.Base(
        primary_hue=_VERMILION,
        secondary_hue=_VERMILION,
        neutral_hue=_PAPER,
        text_size=sizes.text_md,
        radius_size=sizes.radius_lg,
        font=(gr.themes.Font(FONT), "system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )
    light = {name: pair[0] for name, pair in _LIGHT_AND_DARK.items()}
    dark = {f"{name}_dark": pair[1] for name, pair in _LIGHT_AND_DARK.items()}
    return base.set(**_ALWAYS, **light, **dark)


def style() -> str:
    """The font, and what writes into the places which Gradio leaves empty, or has words of its own for.

    The font is written out: Gradio serves no more than it has to, and of its own SemiBold most letters are missing.
    """
    return "\n".join([*map(_face, (400, 600)), *_worded()])


def _face(weight: int) -> str:
    file = ASSETS / "fonts" / f"ibm-plex-sans-{weight}.woff2"
    data = base64.b64encode(file.read_bytes()).decode()
    where = f"url(data:font/woff2;base64,{data}) format('woff2')"
    return f"@font-face {{ font-family: '{FONT}'; font-weight: {weight}; src: {where}; }}"


def _worded() -> list[str]:
    said = {
        '#clip [data-testid="upload-text"]::after': words.CLIP_EMPTY,
        "#result .empty::after": words.RESULT_EMPTY,
        "#compared .empty::after": words.COMPARE_EMPTY,
        "#live-result .empty::after": words.LIVE_EMPTY,
        ".panel .empty::after": words.INSIDE_EMPTY,
        "#posed .empty::after": words.HAND_EMPTY,
        "#specimen .empty::after": words.MODELS_LOOKING,
    }
    return [f"{place} {{ content: {json.dumps(text)}; }}" for place, text in said.items()]


def script() -> str:
    """What runs in the browser, with the page's words."""
    said = {"start": words.LIVE_START, "nothing": words.NOTHING_YET, "example": words.EXAMPLE_FOR}
    return ACCESS.read_text(encoding="utf-8").replace("{/* words */}", json.dumps(said))
