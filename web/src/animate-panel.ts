/** The tab that animates a photo: fields, button, result. */
import { by, offer } from "./dom";
import { openDriving } from "./driving";
import { Field } from "./field";
import { checkbox, radios, settingsOf, slider } from "./form";
import type { Crop, Framed } from "./framing";
import { filmName } from "./marks";
import type { Mode } from "./motion";
import { perform, type Performed } from "./performance";
import { readPhoto } from "./photo";
import type { Samples } from "./samples";
import { Screen } from "./screen";
import type { About } from "./stage";
import { tell } from "./trouble";
import type { Troupe } from "./troupe";
import { done, words, working } from "./words";

export class AnimatePanel {
  private photo = new Field(by("photo"));
  private clip = new Field(by("clip"));
  private form = by<HTMLFormElement>("wishes");
  private screen = new Screen(by("result").querySelector("canvas")!);
  private video = by("result").querySelector("video")!;
  private caption = by("caption");
  private running?: AbortController;

  constructor(
    private troupe: Troupe,
    private samples: Samples,
  ) {
    this.photo.offer(by("photos"), samples.photos);
    this.clip.offer(by("clips"), samples.clips);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.go();
    });
    by("stop").addEventListener("click", () => this.stop());
    document.addEventListener("paste", (event) => this.photo.take(this.photo.fitting(event.clipboardData?.files)));
  }

  /** The model is there. */
  ready(about: About): void {
    this.screen.resize(about.resolution);
    by("more").append(...fields(about.modes));
    by<HTMLButtonElement>("go").disabled = false;
  }

  /** Whoever looks elsewhere does not wait for the result any more. */
  stop(): void {
    this.running?.abort(new Error(words.STOPPED));
  }

  private async go(): Promise<void> {
    if (!this.photo.files.length) this.photo.take(this.samples.photos.slice(0, 1));
    if (!this.clip.files.length) this.clip.take(this.samples.clips.slice(0, 1));
    const running = (this.running = new AbortController());
    this.begin();
    try {
      const made = await this.make(running.signal);
      this.show(made);
    } catch (error) {
      this.caption.textContent = running.signal.aborted ? words.STOPPED : tell(error);
    } finally {
      this.running = undefined;
      this.swap(false);
    }
  }

  private async make(signal: AbortSignal): Promise<[Performed, string[]]> {
    const data = new FormData(this.form);
    await this.troupe.resize(this.screen.canvas.width); // the webcam's tab may have left another size
    const source = await this.troupe.source(await readPhoto(this.photo.files[0]), data.get("crop") as Crop);
    const driving = await openDriving(this.clip.files);
    const begun = performance.now();
    try {
      const made = await perform(this.troupe, driving, this.screen, {
        settings: settingsOf(this.form),
        crop: data.get("driving-crop") as Crop,
        progress: (frames, total) => {
          this.caption.textContent = working(frames, total, (performance.now() - begun) / 1000);
        },
        signal,
      });
      const notices = [notFound(source, words.NO_FACE), notFound(made.framed, words.NO_DRIVING_FACE)];
      return [made, notices.filter(Boolean)];
    } finally {
      driving.close();
    }
  }

  private begin(): void {
    this.swap(true);
    this.screen.label = new FormData(this.form).has("label");
    this.caption.textContent = words.DETECTING;
    by("download").hidden = by("share").hidden = this.video.hidden = true;
    this.video.removeAttribute("src");
    this.screen.canvas.hidden = false;
    by("result").querySelector<HTMLElement>(".tag")!.hidden = false;
  }

  /** While it works there is a button to stop it. */
  private swap(working: boolean): void {
    by("go").hidden = working;
    by("stop").hidden = !working;
  }

  private show([made, notices]: [Performed, string[]]): void {
    const name = filmName(this.photo.files[0].name, made.film);
    const link = by<HTMLAnchorElement>("download");
    offer(link, made.film, name);
    this.video.src = link.href;
    this.video.hidden = false;
    this.screen.canvas.hidden = true;
    this.caption.textContent = [done(made.frames, made.seconds, made.took), ...notices].join(" ");
    const file = new File([made.film], name, { type: made.film.type });
    const share = by<HTMLButtonElement>("share");
    share.hidden = !navigator.canShare?.({ files: [file] });
    share.onclick = () => void navigator.share({ files: [file] }).catch(() => {});
  }
}

/** The fields of fine tuning. */
function fields(modes: Mode[]): HTMLElement[] {
  const offered = Object.entries(words.MODES).filter(([mode]) => modes.includes(mode as Mode));
  return [
    radios({ name: "crop", title: words.HOW, options: words.CROPS }),
    radios({ name: "mode", title: words.MODE, hint: words.MODE_HINT, options: Object.fromEntries(offered) }),
    slider({ name: "strength", title: words.STRENGTH, hint: words.STRENGTH_HINT, most: 2, value: 1 }),
    slider({ name: "smoothing", title: words.SMOOTHING, hint: words.SMOOTHING_HINT, most: 1, value: 0 }),
    checkbox("adapt", words.ADAPT_SCALE, true),
    radios({ name: "driving-crop", title: words.DRIVING_CROP, options: words.DRIVING_CROPS }),
    checkbox("label", words.LABEL, false),
  ];
}

/** What is said where no face was found, and what was taken instead. */
function notFound({ lost }: Framed, what: string): string {
  const taken = { front: words.FRONT_TAKEN, points: words.POINTS_TAKEN, middle: words.MIDDLE_TAKEN };
  return lost ? `${what}; ${taken[lost]}` : "";
}
