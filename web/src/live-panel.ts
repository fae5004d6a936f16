/** The tab in which the webcam moves the photo. */
import { Camera } from "./camera";
import { by, offer } from "./dom";
import { Field } from "./field";
import { record } from "./film";
import { heldSize, radios, settingsOf, slider } from "./form";
import { filmName } from "./marks";
import type { Mode } from "./motion";
import { Pace } from "./pace";
import { readPhoto } from "./photo";
import type { Samples } from "./samples";
import { Screen } from "./screen";
import type { About } from "./stage";
import { tell } from "./trouble";
import type { Troupe } from "./troupe";
import { liveSpeed, words } from "./words";

export class LivePanel {
  private photo: Field;
  private camera = new Camera(by("camera").querySelector("video")!);
  private screen = new Screen(by("live-result").querySelector("canvas")!);
  private form = by<HTMLFormElement>("live-wishes");
  private speed = by("speed");
  private on = false;
  /** The size where it is left to the page. */
  private pace = new Pace([0]);
  private stopRecording?: () => Promise<Blob>;

  constructor(
    private troupe: Troupe,
    samples: Samples,
  ) {
    this.photo = new Field(by("live-photo"), () => void (this.on && this.choose()));
    this.photo.take(samples.photos.slice(0, 1));
    by("camera-on").addEventListener("click", () => void (this.on ? this.stop() : this.go()));
    by("rest").addEventListener("click", () => void troupe.rest());
    by("record").addEventListener("click", () => void this.record());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", () => void (this.on && this.adjust()));
  }

  /** The model is there. */
  ready({ resolution, sizes, modes }: About): void {
    this.screen.resize(resolution);
    this.pace = new Pace(sizes);
    const offered = Object.entries(words.MODES).filter(([mode]) => modes.includes(mode as Mode));
    by("live-more").append(
      radios({ name: "mode", title: words.MODE, hint: words.MODE_HINT, options: Object.fromEntries(offered) }),
      slider({ name: "strength", title: words.STRENGTH, hint: words.STRENGTH_HINT, most: 2, value: 1 }),
      ...(sizes.length > 1 ? [sizeField(sizes)] : []),
    );
    by<HTMLButtonElement>("camera-on").disabled = false;
  }

  stop(): void {
    if (this.stopRecording) void this.record();
    this.camera.close();
    this.show(false);
  }

  private async go(): Promise<void> {
    this.show(true);
    try {
      await this.camera.open();
      await this.choose();
      const tell = async (rate: number | undefined, seconds: number): Promise<void> => {
        this.speed.textContent = liveSpeed(rate, seconds, this.side);
        if (!heldSize(this.form) && this.pace.shown(performance.now())) await this.troupe.resize(this.side);
      };
      await this.camera.run(this.troupe, this.screen, settingsOf(this.form), tell);
    } catch (error) {
      this.stop();
      this.speed.textContent = tell(error);
    }
  }

  /** The size of what comes next, in pixels along the side. */
  private get side(): number {
    return heldSize(this.form) ?? this.pace.side;
  }

  private async adjust(): Promise<void> {
    this.pace.rest();
    await Promise.all([this.troupe.adjust(settingsOf(this.form)), this.troupe.resize(this.side)]);
  }

  private async choose(): Promise<void> {
    this.pace.rest();
    await this.troupe.resize(this.side);
    await this.troupe.source(await readPhoto(this.photo.files[0]), "auto");
  }

  private show(on: boolean): void {
    this.on = on;
    by("camera-on").textContent = on ? words.CAMERA_OFF : words.CAMERA_ON;
    by("rest").hidden = by("record").hidden = !on;
  }

  private async record(): Promise<void> {
    const stop = this.stopRecording;
    by("record").textContent = stop ? words.RECORD : words.RECORD_STOP;
    this.stopRecording = stop ? undefined : record(this.screen.canvas);
    if (!stop) return;
    const film = await stop();
    offer(by("recorded"), film, filmName(this.photo.files[0].name, film));
  }
}

/** Left to the page, or one of the `sizes`. */
function sizeField(sizes: number[]): HTMLElement {
  const held = Object.fromEntries(sizes.map((side) => [`${side} px`, `${side} × ${side}`]));
  return radios({ name: "size", title: words.SIZE, hint: words.SIZE_HINT, options: { auto: words.SIZE_AUTO, ...held } });
}
