"""The tab that animates a photo: fields, button, progress, result; and the same as an endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import Signature, signature
from pathlib import Path
from typing import Any

import gradio as gr

from checkpoints.errors import OptionError
from demo import faults, words
from demo.answers import cache_of, photo_field, photos_field, said, sentences, visitor_of
from demo.fields import NAMES, chosen, lay_out, parameters, told
from demo.pace import Estimate, is_heavy
from demo.part_panel import PartPanel
from demo.studio import PICTURES, Studio, Take
from runtime.auto import AUTO
from runtime.control.templates import template_file, templates


@dataclass
class _Given:
    photo: gr.Image
    clip: gr.Video
    views: gr.File
    figures: gr.Column
    photo_said: gr.HTML
    clip_said: gr.HTML


@dataclass
class _Outcome:
    said: gr.HTML
    video: gr.Video
    caption: gr.Markdown
    picture: gr.Image
    download: gr.DownloadButton
    share: gr.Button


def animate_panel(studio: Studio) -> tuple[gr.Image, gr.Video, gr.Dropdown, gr.Textbox]:
    """Lay out the panel in the Blocks that are open, and connect it to `studio`; returns the fields of the photo, the
    video, the model and the pose to start from.
    """
    with gr.Row(elem_id="stage"):
        with gr.Column(elem_id="given"):
            given = _given(studio)
            go = gr.Button(words.GO, variant="primary", size="lg", elem_id="go")
            stop = gr.Button(words.STOP, variant="secondary", size="lg", visible=False, elem_id="stop")
            said = faults.field()
            estimate = gr.Markdown(elem_id="estimate", elem_classes="spoken", min_height=26)
        with gr.Column(elem_id="outcome"):
            outcome = _outcome(said)
        with gr.Column(elem_id="tuning"):
            part = PartPanel()
            with gr.Accordion(words.FOOTAGE_FOLD, open=False, elem_classes="fold", elem_id="footage-fold"):
                footage = gr.Video(label=words.FOOTAGE, sources=["upload"], buttons=[], elem_id="footage", height=200)
                gr.Markdown(words.FOOTAGE_HINT, elem_classes="hint")
                drivings = gr.File(
                    label=words.DRIVINGS, file_count="multiple", type="filepath", elem_id="drivings", height=120
                )
                gr.Markdown(words.DRIVINGS_HINT, elem_classes="hint")
            template_name = gr.Textbox("", label="template", visible=False)  # for scripts; the page has thumbnails
            model, kind, fields = _fields(studio)
            gr.Markdown(words.CONSENT.format(minutes=studio.limits.keep_minutes), elem_id="consent")
    with given.figures:
        _figures(studio, given, model)
    options = {**fields, "crop": part.crop, "face": part.face}
    own = [template_name, footage, drivings, model, given.views, kind]
    inputs = [given.photo, given.clip, *(options[name] for name in NAMES), *own]
    part.connect(studio, given.photo, model, fields["fit"], given.photo_said)
    _connect(studio, given, inputs, (go, stop), outcome)
    _connect_choices(studio, given, model, fields["mode"], estimate)
    return given.photo, given.clip, model, fields["pose"]


def _given(studio: Studio) -> _Given:
    """The fields for what a visitor brings, with examples, and room for what is wrong with it."""
    with gr.Row(elem_id="inputs", equal_height=False):
        with gr.Column(min_width=220):
            photo = photo_field(
                label=words.PHOTO,
                placeholder=words.PHOTO_EMPTY,
                sources=["upload", "clipboard", "webcam"],
                webcam_options=gr.WebcamOptions(mirror=True),
                alt_text="The photo that you chose",
                elem_id="photo",
            )
            photo_said = faults.field()
            _examples(studio.samples.photos, photo, words.PHOTO_EXAMPLE, "photo")
            # What stands here chooses a model, too: it comes when there are models to choose.
            figures = gr.Column(visible=bool(studio.samples.figures))
        with gr.Column(min_width=220, elem_classes="with-movements" if studio.samples.movements else None):
            clip = gr.Video(
                label=words.CLIP,
                sources=["upload", "webcam"],
                include_audio=True,
                buttons=[],
                loop=True,
                elem_id="clip",
            )
            clip_said = faults.field()
            _examples(studio.samples.clips, clip, words.CLIP_EXAMPLE, "video")
            _examples(studio.samples.movements, clip, words.TEMPLATE_EXAMPLE, "movement")
    views = photos_field(label=words.VIEWS, visible=False, elem_id="views", height=120)
    return _Given(photo, clip, views, figures, photo_said, clip_said)


def _examples(files: Sequence[Path], field: gr.Image | gr.Video, label: str, what: str) -> None:
    if files:
        name, rows = f"example_{what}", [[str(path)] for path in files]
        gr.Examples(rows, field, label=label, api_name=name, elem_id=f"examples-{what}")


def _figures(studio: Studio, given: _Given, model: gr.Dropdown) -> None:
    """Examples of what is no face: the picture and the clip together, and "auto", which chooses their model."""
    rows = [[str(picture), str(clip), AUTO] for picture, clip in studio.samples.figures]
    if rows:
        fields = [given.photo, given.clip, model]
        gr.Examples(rows, fields, label=words.FIGURE_EXAMPLE, api_name="example_figure", elem_id="examples-figure")


def _outcome(said: gr.HTML) -> _Outcome:
    return _Outcome(
        said=said,
        video=gr.Video(label=words.RESULT, interactive=False, autoplay=True, loop=True, buttons=[], elem_id="result"),
        picture=gr.Image(
            label=words.PICTURE,
            interactive=False,
            visible=False,
            buttons=[],
            type="filepath",
            alt_text="The moving picture",
            elem_id="moving-picture",
        ),
        caption=gr.Markdown(elem_id="caption", elem_classes="spoken"),
        download=gr.DownloadButton(words.DOWNLOAD, visible=False, size="lg", elem_id="download"),
        share=gr.Button(words.SHARE, visible=False, size="lg", elem_id="share"),
    )


def _fields(studio: Studio) -> tuple[gr.Dropdown, gr.Radio, dict[str, Any]]:
    """The choice of models, the kind of file, and the fields of the options by their names."""
    names = studio.shelf.names
    with gr.Accordion(words.MORE, open=False, elem_id="more", elem_classes="fold"):
        model = gr.Dropdown(
            words.models(names),
            value=names[0],
            label=words.MODEL,
            info=words.MODEL_HINT,
            visible=len(names) > 1,
            elem_id="model",
        )
        kind = gr.Radio(words.kinds(), value=".mp4", label=words.KIND, elem_id="kind", render=False)
        fields = lay_out(studio.shelf.bundle(), {words.GROUP_RESULT: kind})
    return model, kind, fields


def _connect(
    studio: Studio,
    given: _Given,
    inputs: list[gr.components.Component],
    buttons: tuple[gr.Button, gr.Button],
    outcome: _Outcome,
) -> None:
    """What happens on a click: the buttons change places, the work is done, they change back."""
    go, stop = buttons
    told = [given.photo_said, given.clip_said, outcome.said]
    made_last = [go, stop, outcome.download, outcome.share, outcome.video, outcome.picture]
    animate = _endpoint(studio, outcome)

    def busy(request: gr.Request) -> tuple[Any, ...]:
        studio.visitors.keep(visitor_of(request), None)
        return _busy()

    def idle(request: gr.Request) -> tuple[Any, ...]:
        return _idle(studio.visitors.result(visitor_of(request)))

    def stop_all(request: gr.Request) -> str:
        """Stop what this session is animating; nothing of it is kept."""
        visitor = visitor_of(request)
        # The event fails at once, long before what computes a slow model's frame can say that it was stopped.
        studio.faults.note(visitor, made["id"], gr.Error(words.STOPPED))
        studio.stop(visitor)
        return words.STOPPED

    private: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    emptied = [outcome.video, outcome.picture, outcome.caption, *told]
    begun = go.click(busy, None, [go, stop, outcome.download, outcome.share, *emptied], **private)
    made = begun.then(
        animate,
        inputs,
        [outcome.video, outcome.caption, outcome.picture],
        api_name="animate",
        concurrency_limit=studio.limits.at_once,
        concurrency_id="animate",
        scroll_to_output=True,
        show_progress_on=[outcome.video],
    )

    def failed(request: gr.Request) -> tuple[Any, ...]:
        fault = studio.faults.take(visitor_of(request), made["id"])
        sentences = {"photo": "", "clip": "", "work": ""}
        if fault.sentence != words.STOPPED:
            sentences[fault.place] = fault.shown()
        return *_idle(None), *sentences.values()

    made.success(idle, None, made_last, **private)
    made.failure(failed, None, [*made_last, *told], **private)
    stop.click(
        stop_all, None, outcome.caption, api_name="stop", queue=False, show_progress="hidden", cancels=[made]
    ).then(idle, None, made_last, **private)
    outcome.share.click(None, None, None, js="() => window.bunrakuShare()")


def _endpoint(studio: Studio, outcome: _Outcome) -> Callable[..., tuple[str | None, str, str | None]]:
    """What the button and `/animate` do: the parameters are the files, the engine's options, and the page's own."""
    known = _parameters()

    def animate(*given: Any) -> tuple[str | None, str, str | None]:
        """Move a picture as a video moves. Returns the video, with the driving video's sound, a sentence on it, and,
        instead of the video, the moving picture if that was the kind asked for.

        Args:
            source: The picture to move.
            driving: The video whose motion it takes.
            {options}
            template: One of the motions that come with the engine, instead of a video.
            footage: A video that is moved instead of the picture.
            drivings: Videos for further faces of the picture.
            model: One of the page's models, or "auto": chosen by what picture and video show.
            views: More pictures of the same person, for models that fuse several.
            kind: ".mp4", ".webm", ".gif" or ".webp".
        """
        bound = known.bind(*given)
        bound.apply_defaults()
        values = bound.arguments
        visitor, progress = visitor_of(values["request"]), values["progress"]
        progress(0, desc=words.DETECTING)
        source, driving = values["footage"] or values["source"], values["driving"]
        with sentences(source, driving):
            if values["template"]:
                driving = str(template(values["template"]))
            expected = studio.estimate(driving, values["model"], measure=False) if source and driving else None
            take = studio.animate(
                source,
                driving,
                cache_of(outcome.video),
                visitor=visitor,
                report=_reporter(progress, expected),
                model=values["model"],
                views=values["views"] or (),
                drivings=values["drivings"] or (),
                kind=values["kind"],
                **chosen(values),
            )
        studio.visitors.keep(visitor, take.path)
        return _shown(take)

    # Gradio asks the function for its parameters, of which it makes the endpoint's.
    animate.__doc__ = (animate.__doc__ or "").replace("{options}", "\n            ".join(told()))
    animate.__signature__ = known  # type: ignore[attr-defined]
    animate.__annotations__ = {name: each.annotation for name, each in known.parameters.items()}
    return animate


def _reporter(progress: gr.Progress, expected: Estimate | None) -> Callable[[int, int | None], None]:
    """Tells a visitor how far the work has come, and, where it takes long, about how long it will still take."""
    started = time.monotonic()
    if expected is not None:
        progress(0, desc=words.doing(words.DETECTING, expected.seconds))

    def report(done: int, total: int | None) -> None:
        left = None if expected is None else expected.left(done, total, time.monotonic() - started)
        progress((done, total), desc=words.doing(words.WORKING, left), unit="frames")

    return report


def _parameters() -> Signature:
    """Of the endpoint `/animate`; the last two are for Gradio to fill in."""

    def own(
        source: str,
        driving: str,
        template: str = "",
        footage: str | None = None,
        drivings: list[str] | None = None,
        model: str | None = None,
        views: list[str] | None = None,
        kind: str = ".mp4",
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # how Gradio finds it
    ) -> None:
        """Parameters that are no options of the engine."""

    files, *rest = signature(own, eval_str=True).parameters.values()
    return Signature([files, rest[0], *parameters(), *rest[1:]])


def template(name: str) -> Path:
    """The file of the motion of that name. Raises `OptionError` where there is none."""
    if (path := template_file(name, "/")) is None:
        raise OptionError(words.NO_TEMPLATE.format(name=name, known=", ".join(templates())))
    return path


def _shown(take: Take) -> tuple[str | None, str, str | None]:
    caption = words.done(take.frames, take.fps, take.seconds) + said(take.notices)
    is_picture = take.path.suffix in PICTURES
    path = str(take.path)
    return (None if is_picture else path), caption, (path if is_picture else None)


def _connect_choices(studio: Studio, given: _Given, model: gr.Dropdown, mode: gr.Radio, estimate: gr.Markdown) -> None:
    """What depends on the model, and on the video: the modes, several pictures, the estimated time."""

    def suit(name: str) -> tuple[Any, Any]:
        bundle = studio.shelf.bundle(name)
        modes = words.modes(bundle)
        return gr.Radio(modes, value=modes[0][1]), gr.File(visible=bundle.views == "many")

    def guess(driving: str | None, name: str) -> Iterator[tuple[str, Any]]:
        if not driving:
            yield "", gr.skip()  # what was wrong with the last one stays to be read
            return
        with sentences(clip=driving):
            known = studio.estimate(driving, name, measure=False)
            if known is None and is_heavy(studio.shelf.bundle(name)):
                yield words.MEASURING, ""
            yield words.estimate(known or studio.estimate(driving, name)), ""

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    model.change(suit, model, [mode, given.views], queue=False, **quiet)
    shown = [estimate, given.clip_said]
    for field in (given.clip, model):
        guessed = field.change(guess, [given.clip, model], shown, concurrency_id="estimate", **quiet)
        faults.tell(studio.faults, guessed, given.clip_said, given.clip)


def _busy() -> tuple[Any, ...]:
    hidden = gr.Button(visible=False)
    emptied = gr.Video(value=None, visible=True), gr.Image(value=None, visible=False), "", "", "", ""
    return hidden, gr.Button(visible=True), gr.DownloadButton(visible=False), hidden, *emptied


def _idle(made: Path | None) -> tuple[Any, ...]:
    picture = made is not None and made.suffix in PICTURES
    download = gr.DownloadButton(value=made and str(made), visible=bool(made))
    buttons = gr.Button(visible=True), gr.Button(visible=False), download, gr.Button(visible=bool(made))
    return *buttons, gr.Video(visible=not picture), gr.Image(visible=picture)
