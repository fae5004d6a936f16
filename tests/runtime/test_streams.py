"""What a file holds, and its frames: streams that change half way, parts of files without an index, clocks, tracks."""

import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from clips import center, describe, encode, ffmpeg, lengths, moving, spot

from checkpoints.errors import BunrakuError, BunrakuWarning, InputError
from runtime import animate, extract_motion
from runtime.media.video import probe, read_frames, read_whole
from runtime.media.writer import VideoWriter

H264 = ("-c:v", "libx264", "-preset", "ultrafast")
RED, AS_RED = "0xC8281E", (200, 40, 30)


def walk(count: int, size: int = 64, first: int = 0) -> list:
    """A spot that walks two 64ths of the side a frame, over and over."""
    unit = size / 64
    return [spot((16 + 2 * (t % 16)) * unit, 30 * unit, size=size, side=size // 4) for t in range(first, first + count)]


def raw(path: Path, frames, *options: str) -> bytes:
    """The frames as a bare stream of H.264, which may be continued by any other."""
    encode(path, frames, options=[*H264, "-bf", "0", *options, "-f", "h264"])
    return path.read_bytes()


def spliced(path: Path, *parts: bytes, kind: str) -> Path:
    """Bare streams one after the other, as a file of that `kind`."""
    path.write_bytes(b"".join(parts))
    target = path.with_suffix(f".{kind}")
    ffmpeg("-i", str(path), "-c", "copy", str(target))
    return target


@pytest.mark.parametrize("sizes", [(64, 160), (160, 64), (64, 128, 96)])
@pytest.mark.parametrize("kind", ["ts", "mp4", "mkv"])
def test_a_video_whose_size_changes_shows_the_same_part_throughout(tmp_path, sizes, kind):
    parts = [raw(tmp_path / "a", walk(25, size, 25 * index)) for index, size in enumerate(sizes)]
    info = probe(spliced(tmp_path / "all", *parts, kind=kind))
    assert (info.rate, info.frames) == (25, 25 * len(sizes))
    for frames in (list(read_frames(info, 64)), list(read_whole(info, 64)), list(read_frames(info))):
        assert len(frames) == 25 * len(sizes)
        unit = len(frames[0]) / 64
        for t in range(0, len(frames), 6):
            np.testing.assert_allclose(center(frames[t]), ((16 + 2 * (t % 16)) * unit, 30 * unit), atol=1.2 * unit)
    late = replace(info, start=1.2)  # a part of it is the same
    np.testing.assert_allclose(center(next(read_frames(late, 64))), (16 + 2 * (30 % 16), 30), atol=1.2)


def test_webm_may_change_its_size_too(tmp_path):
    """As browsers record calls; one file of VP8 after the other, joined by their packets."""
    for name, size in (("a", 64), ("b", 160)):
        encode(tmp_path / f"{name}.webm", walk(25, size, 0 if name == "a" else 25), options=["-c:v", "libvpx"])
    (tmp_path / "list").write_text("file a.webm\nfile b.webm\n")
    ffmpeg("-f", "concat", "-i", str(tmp_path / "list"), "-c", "copy", str(tmp_path / "all.webm"))
    frames = list(read_frames(probe(tmp_path / "all.webm"), 64))
    assert len(frames) == 50
    for t in (0, 10, 24, 26, 40, 49):
        np.testing.assert_allclose(center(frames[t]), (16 + 2 * (t % 16), 30), atol=1.5)


def test_another_shape_is_fitted_and_never_stretched(tmp_path):
    wide = [spot(64, 24, size=128, height=64, side=16)] * 5
    high = [spot(32, 48, size=64, height=128, side=32)] * 5
    info = probe(spliced(tmp_path / "all", raw(tmp_path / "a", wide), raw(tmp_path / "b", high), kind="ts"))
    last = list(read_frames(info))[-1]
    assert last.shape == (64, 128, 3)
    bright = last.mean(axis=2) > 128
    assert abs(bright.any(axis=0).sum() - 16) <= 1
    assert abs(bright.any(axis=1).sum() - 16) <= 1
    np.testing.assert_allclose(center(last), (64, 24), atol=0.7)


def test_pixels_may_change_format_range_and_matrix(tmp_path):
    kinds = [
        ("bt709", "tv", "yuv420p"),
        ("bt709", "pc", "yuv420p"),
        ("smpte170m", "tv", "yuv420p"),
        ("bt709", "tv", "yuv444p"),
        ("bt709", "tv", "yuv420p10le"),
    ]
    parts = []
    for matrix, span, pixels in kinds:
        filters = f"format=gbrp,scale=out_color_matrix={matrix}:out_range={span},format={pixels}"
        ffmpeg(
            *("-f", "lavfi", "-i", f"color={RED}:s=64x64:r=25:d=0.2"),
            *("-vf", f"{filters},setparams=colorspace={matrix}:range={span}"),
            *(*H264, "-bf", "0", "-qp", "6", "-f", "h264", str(tmp_path / "a")),
        )
        parts.append((tmp_path / "a").read_bytes())
    for order in (parts, [*parts[2:], *parts[:2]], parts[1:], [parts[1], parts[0]]):
        info = probe(spliced(tmp_path / "all", *order, kind="ts"))
        frames = list(read_frames(info, 64))
        assert len(frames) == 5 * len(order)
        np.testing.assert_allclose([frame.mean(axis=(0, 1)) for frame in frames], [AS_RED] * len(frames), atol=8)


@pytest.mark.parametrize(
    ("matrix", "size"),
    [("bt709", "64x64"), ("bt709", "97x65"), ("smpte170m", "64x64"), ("bt2020nc", "64x64"), ("unknown", "97x65")],
)
def test_the_range_alone_may_change(tmp_path, matrix, size):
    """The decoder goes on with a pixel format that means full range; where nothing is said, the range is limited."""
    parts = {}
    for span in ("pc", "tv"):
        coefficients = "smpte170m" if matrix == "unknown" else matrix
        filters = f"format=gbrp,scale=out_color_matrix={coefficients}:out_range={span},format=yuv444p"
        ffmpeg(
            *("-f", "lavfi", "-i", f"color={RED}:s={size}:r=25:d=0.2"),
            *("-vf", f"{filters},setparams=colorspace={matrix}:range={span}"),
            *(*H264, "-bf", "0", "-qp", "4", "-f", "h264", str(tmp_path / "a")),
        )
        parts[span] = (tmp_path / "a").read_bytes()
    for order in (("pc", "tv"), ("tv", "pc"), ("pc", "tv", "pc")):
        info = probe(spliced(tmp_path / "all", *(parts[span] for span in order), kind="ts"))
        means = [frame.mean(axis=(0, 1)) for frame in read_frames(info)]
        assert len(means) == 5 * len(order)
        np.testing.assert_allclose(means, [AS_RED] * len(means), atol=5)


def test_range_and_size_may_change_together(tmp_path):
    bt709 = "scale=out_color_matrix=bt709"
    full = raw(
        tmp_path / "a", walk(10, 96), "-vf", f"{bt709}:out_range=pc,format=yuv420p,setparams=range=pc:colorspace=bt709"
    )
    usual = raw(
        tmp_path / "b",
        walk(10, 64, 10),
        "-vf",
        f"{bt709}:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709",
    )
    for order, sizes in (((full, usual), (96, 64)), ((usual, full), (64, 96))):
        info = probe(spliced(tmp_path / "all", *order, kind="ts"))
        assert info.size == (sizes[0], sizes[0])
        for t, frame in enumerate(read_frames(info, 64)):
            place = t if order[0] is full else (t + 10) % 20
            np.testing.assert_allclose(center(frame), (16 + 2 * (place % 16), 30), atol=1.2)
            np.testing.assert_allclose(frame[:8].mean(), 20, atol=3)


LONG = ("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=8")
CONTAINERS = {
    "a.mp4": (*H264, "-bf", "2"),
    "ntsc.mp4": ("-vf", "fps=30000/1001", *H264),
    "a.mkv": H264,
    "frozen.mkv": ("-vf", "select='not(between(t,2,5.5))'", "-fps_mode", "vfr", *H264),
    "late.mkv": (*H264, "-output_ts_offset", "5"),
    "a.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"),
    "one-group.mts": ("-c:v", "libx264", "-preset", "veryfast", "-g", "300", "-bf", "3", "-f", "mpegts"),
    "a.h264": (*H264, "-f", "h264"),
    "a.hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"),
    "a.webp": ("-c:v", "libwebp_anim"),
    "a.gif": (),
    "a.avi": ("-c:v", "mpeg4"),
    "a.flv": H264,
    "a.mpg": ("-c:v", "mpeg1video"),
    "a.ogv": ("-c:v", "libtheora"),
    "a.ivf": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"),
    "a.apng": ("-f", "apng", "-plays", "0"),
    "a.mjpeg": ("-c:v", "mjpeg", "-f", "mjpeg"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_part_has_the_very_frames_of_the_whole(tmp_path, name, recwarn):
    ffmpeg(*LONG, *CONTAINERS[name], str(tmp_path / name))
    info = probe(tmp_path / name)
    assert info.duration == pytest.approx(8, abs=0.1)
    for rate in (info.rate, Fraction(30000, 1001) if name == "a.mp4" else Fraction(10)):
        whole = list(read_whole(info, 48, rate))
        parts = ((0.5, 1.0), (7.5, None), (3.0, 3.61), (5.0, 5.61), (7.8, 7.82), (0.0, 0.12))
        for start, end in parts if rate == info.rate or name == "a.mp4" else parts[:2]:
            part = replace(info, start=start, end=end)
            np.testing.assert_array_equal(list(read_whole(part, 48, rate)), whole[part.part(rate)])
    assert not recwarn.list


def tone_from(path: Path) -> float:
    """Second at which a file is heard first (0.02 s is the least that is told apart)."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-af", "silencedetect=d=0.02", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
    ends = re.findall(r"silence_end: ([\d.]+)", said)
    return float(ends[0]) if re.search(r"silence_start: -?0(\.0\d*)?\b", said) else 0.0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "flv"])
@pytest.mark.parametrize("written", ["mp4", "webm"])
def test_sound_of_a_part_is_cut_where_the_frames_are(tmp_path, suffix, written):
    """Silence until second 3; of the part from second 2 on that is one second."""
    ffmpeg(
        *(*LONG, "-f", "lavfi", "-i", "sine=d=8", "-af", "volume=0:enable='lt(t,3)'"),
        *(*H264, "-g", "300", "-c:a", "mp3" if suffix in ("avi", "flv") else "aac", str(tmp_path / f"a.{suffix}")),
    )
    part = replace(probe(tmp_path / f"a.{suffix}"), start=2.0, end=5.0)
    target = tmp_path / f"b.{written}"
    with VideoWriter(target, (64, 64), Fraction(25), part) as writer:
        for frame in read_frames(part, 64):
            writer.write(frame)
    frames, sound = lengths(target)
    assert frames == 75
    assert sound == pytest.approx(3, abs=0.1)
    assert tone_from(target) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    "title",
    [
        "Video: Me at 3 fps",
        "Duration: 05:00:00.00",
        "Video: smpte2084 explained",
        "Stream #0:0: Video: h264, yuv420p10le(tv, bt2020nc/bt2020/smpte2084), 9 fps (default)",
        "Stream #0:7: Audio: mp3, mono",
        "a\n  Duration: 09:00:00.00\n  Stream #0:0: Video: hevc(smpte2084), 3 fps",
        "exceeds specified max pixel count",
        "moov atom not found",
        "[h264 @ 0] partial file, truncated, corrupt",
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_titles_are_no_headers(tmp_path, title, suffix):
    words = [word for key in ("title", "comment", "artist") for word in ("-metadata", f"{key}={title}")]
    info = probe(moving(tmp_path / f"a.{suffix}", 10, rate="10", options=words))
    assert (info.rate, info.duration, info.hdr, info.audio) == (10, 1.0, False, None)
    assert len(list(read_frames(info, 64))) == 10


def test_a_freeze_costs_no_frames(tmp_path):
    """Bursts of 30 a second around a second without any: each frame of a burst comes, and comes in its time."""
    options = ["-vf", "setpts='if(lt(N,30),N,N+100)/30/TB'", "-fps_mode", "vfr"]
    info = probe(encode(tmp_path / "a.mp4", walk(60), rate="30", options=options))
    assert info.rate == 30
    frames = list(read_frames(info, 64))
    assert len(frames) == 160
    shown = [*range(30), *[29] * 100, *range(30, 60)]
    for t in range(0, 160, 7):
        np.testing.assert_allclose(center(frames[t]), (16 + 2 * (shown[t] % 16), 30), atol=0.7)


@pytest.mark.parametrize("clock", ["1000", "90000"])
def test_absurd_clocks_are_not_the_rate(tmp_path, clock):
    """Frames at uneven ticks of a fine clock, about 20 a second."""
    options = ["-vf", f"settb=1/{clock},setpts='(N*0.05+0.004*mod(N*7,3))/TB'", "-fps_mode", "vfr"]
    info = probe(encode(tmp_path / "a.mkv", walk(40), rate="20", options=[*options, "-enc_time_base", f"1/{clock}"]))
    assert info.rate == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("own", ["25", "30000/1001", "60"])
@pytest.mark.parametrize("rate", [5, 10, 12, 24, 50])
def test_the_first_frame_is_always_the_first(tmp_path, own, rate):
    path = encode(tmp_path / "a.mp4", walk(48), rate=own, options=["-qp", "4"])
    frames = list(read_frames(probe(path), 64, rate=Fraction(rate)))
    for t, frame in enumerate(frames):  # that which is seen at its second
        seen = int(t * Fraction(own) / rate + Fraction(1, 100))
        places = [16 + 2 * ((seen + later) % 16) for later in (0, 1)]
        assert min(abs(center(frame)[0] - place) for place in places) < 0.7
    np.testing.assert_allclose(center(frames[0])[0], 16, atol=0.5)


@pytest.mark.parametrize(("rate", "suffix", "most"), [(60, "gif", 50), (120, "gif", 50), (120, "webp", 90)])
def test_animated_pictures_are_no_faster_than_browsers_play_them(tmp_path, rate, suffix, most):
    with VideoWriter(tmp_path / f"a.{suffix}", (64, 64), Fraction(rate)) as writer:
        for frame in walk(rate):
            writer.write(frame)
    assert (writer.rate, writer.frames) == (most, most)
    info = probe(tmp_path / f"a.{suffix}")
    assert info.duration == pytest.approx(1, abs=0.03)
    assert len(list(read_frames(info, 64, rate=Fraction(most)))) == pytest.approx(most, abs=1)
    np.testing.assert_allclose(center(next(read_frames(info, 64))), (16, 30), atol=0.5)


@pytest.mark.parametrize(
    "layout", ["mono", "stereo", "5.1(side)", "5.1", "6.1", "4.0", "quad", "2.1", "7.1", "5.0(side)"]
)
@pytest.mark.parametrize("suffix", ["webm", "mp4"])
def test_sound_of_many_loudspeakers_is_heard(tmp_path, layout, suffix, recwarn):
    tone = ["-f", "lavfi", "-i", f"aevalsrc={'|'.join(['sin(2764*t)'] * CHANNELS[layout])}:c={layout}:d=1"]
    moving(tmp_path / "a.mp4", 25)
    copied = ["-c:v", "copy", "-c:a", "pcm_s16le", str(tmp_path / "b.mkv")]
    ffmpeg("-i", str(tmp_path / "a.mp4"), *tone, *copied)
    with VideoWriter(tmp_path / f"c.{suffix}", (64, 64), Fraction(25), probe(tmp_path / "b.mkv")) as writer:
        for frame in walk(25):
            writer.write(frame)
    assert lengths(tmp_path / f"c.{suffix}") == (25, pytest.approx(1, abs=0.06))
    assert not recwarn.list


CHANNELS = {
    "mono": 1,
    "stereo": 2,
    "2.1": 3,
    "4.0": 4,
    "quad": 4,
    "5.0(side)": 5,
    "5.1(side)": 6,
    "5.1": 6,
    "6.1": 7,
    "7.1": 8,
}


def test_the_default_tracks_are_used(tmp_path):
    """Of two pictures and two sounds the file names the second ones."""
    encode(tmp_path / "a.mp4", [spot(20, 30)] * 25)
    encode(tmp_path / "b.mp4", [spot(40, 30)] * 25)
    tones = [word for volume in (0, 1) for word in ("-f", "lavfi", "-i", f"sine=d=1,volume={volume}")]
    maps = [word for number in range(4) for word in ("-map", str(number))]
    flags = [
        word
        for kind in "va"
        for index, flag in enumerate(("0", "default"))
        for word in (f"-disposition:{kind}:{index}", flag)
    ]
    ffmpeg(
        *("-i", str(tmp_path / "a.mp4"), "-i", str(tmp_path / "b.mp4"), *tones, *maps, "-c:v", "copy"),
        *(*flags, str(tmp_path / "c.mkv")),
    )
    info = probe(tmp_path / "c.mkv")
    frames = list(read_frames(info, 64))
    np.testing.assert_allclose(center(frames[0]), (40, 30), atol=0.5)
    with VideoWriter(tmp_path / "d.mp4", (64, 64), Fraction(25), info) as writer:
        for frame in frames:
            writer.write(frame)
    assert tone_from(tmp_path / "d.mp4") == 0


def cover(folder: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "color=red:s=300x300", "-frames:v", "1", str(folder / "cover.jpg"))
    return folder / "cover.jpg"


def test_a_cover_is_no_video(tmp_path):
    art = ["-disposition:v:0", "attached_pic"]
    picture = ["-i", str(cover(tmp_path))]
    tone = ["-f", "lavfi", "-i", "sine=d=1"]
    ffmpeg(*picture, *tone, "-map", "0", "-map", "1", *art, "-c:v", "copy", str(tmp_path / "song.m4a"))
    with pytest.raises(InputError, match="no moving picture"):
        probe(tmp_path / "song.m4a")
    film = ["-i", str(moving(tmp_path / "a.mp4", 10))]
    ffmpeg(*picture, *film, "-map", "0", "-map", "1", *art, "-c", "copy", str(tmp_path / "film.mp4"))
    info = probe(tmp_path / "film.mp4")
    assert (info.size, info.frames) == ((64, 64), 10)
    np.testing.assert_allclose(center(next(read_frames(info, 64))), (20, 30), atol=0.5)


def test_length_is_the_pictures(tmp_path):
    info = probe(moving(tmp_path / "a.mp4", 10, rate="10", sound=8.0))
    assert (info.duration, info.frames) == (1.0, 10)
    assert probe(moving(tmp_path / "b.mkv", 50, sound=0.5)).duration == pytest.approx(2, abs=0.02)


def test_an_animated_avif_has_all_its_frames(tmp_path):
    """As libavif and Pillow write it: a still, and the moving picture beside it."""
    from PIL import Image

    first, *rest = [Image.fromarray(frame) for frame in walk(10)]
    first.save(tmp_path / "a.avif", save_all=True, append_images=rest, duration=100)
    info = probe(tmp_path / "a.avif")
    assert (info.rate, info.frames) == (10, 10)
    for t, frame in enumerate(read_frames(info, 64)):
        np.testing.assert_allclose(center(frame), (16 + 2 * t, 30), atol=0.7)


def test_results_wider_than_the_codec_can_hold_are_scaled(tmp_path):
    for suffix in ("mp4", "webp"):
        with pytest.warns(BunrakuWarning, match="is scaled to 163"):
            writer = VideoWriter(tmp_path / f"a.{suffix}", (17_100, 64), Fraction(25))
        with writer:
            for frame in [spot(60, 30, size=17_100, height=64)] * 2:
                writer.write(frame)
        assert f"{writer.size[0]}x{writer.size[1]}" in describe(tmp_path / f"a.{suffix}")


def test_a_part_of_no_more_than_a_frame_is_a_frame(toy, tmp_path):
    path = moving(tmp_path / "a.mp4", 30)
    for end in (0.01, 0.04, 0.08, 0.12):
        result = animate(spot(20, 40), path, model=toy, end=end, progress=False)
        assert len(result) == max(1, round(end * 25))


@pytest.mark.parametrize("rate", [7, 24, 25, 60])
def test_as_many_frames_are_expected_as_come(tmp_path, rate):
    """The last moment of a video shows its last frame; after its end there is nothing."""
    info = probe(moving(tmp_path / "a.mp4", 8))
    whole = list(read_frames(info, 64, rate=Fraction(rate)))
    assert info.count(Fraction(rate)) == len(whole)
    last = replace(info, start=0.3199)
    assert last.count(Fraction(rate)) == 1
    np.testing.assert_array_equal(list(read_frames(last, 64, rate=Fraction(rate))), whole[-1:])


def test_the_last_moment_drives(toy, tmp_path):
    path = moving(tmp_path / "a.mp4", 8)
    extract_motion(path, tmp_path / "a.motion", model=toy, progress=False)
    for driving in (path, tmp_path / "a.motion", [spot(20, 40)] * 8):
        assert len(animate(spot(20, 40), driving, model=toy, start=0.319, progress=False)) == 1
        with pytest.raises(BunrakuError, match=r"ends before second|empty"):
            animate(spot(20, 40), driving, model=toy, start=0.321, progress=False)
