/** A field that takes files: by choosing, dropping, pasting, or from examples. */
import { words } from "./words";

export class Field {
  files: File[] = [];
  private address = "";
  private input: HTMLInputElement;
  private preview: HTMLElement;

  /** `box`: a label with an input of files in it and an element of class "preview". */
  constructor(
    private box: HTMLElement,
    private changed: (files: File[]) => void = () => {},
  ) {
    this.input = box.querySelector("input")!;
    this.preview = box.querySelector(".preview")!;
    this.input.addEventListener("change", () => this.take([...(this.input.files ?? [])]));
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      this.take(this.fitting(event.dataTransfer?.files));
    });
  }

  /** Files of the field's own kind. */
  fitting(files?: FileList | null): File[] {
    const kinds = this.input.accept.split(",").map((kind) => kind.split("/")[0]);
    return [...(files ?? [])].filter((file) => kinds.includes(file.type.split("/")[0]));
  }

  take(files: File[]): void {
    if (!files.length) return;
    this.files = files;
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(files[0]);
    this.preview.replaceChildren(picture(files[0], this.address));
    this.box.classList.add("filled");
    this.changed(files);
  }

  /** Buttons under the field, one for each of `files`. */
  offer(row: HTMLElement, files: File[]): void {
    const label = this.box.querySelector(".name")!.textContent;
    const buttons = files.map((file) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `Example for ${label}: ${file.name.replace(/\.\w+$/, "").replace(/-/g, " ")}`);
      button.append(picture(file, URL.createObjectURL(file)));
      button.addEventListener("click", () => this.take([file]));
      return button;
    });
    row.append(...buttons);
  }
}

/** What shows `file`: still, or moving without a sound. */
function picture(file: File, address: string): HTMLElement {
  if (file.type.startsWith("image/")) {
    return Object.assign(new Image(), { src: address, alt: words.PHOTO_PREVIEW });
  }
  const video = document.createElement("video");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  Object.assign(video, { src: address, muted: true, loop: true, playsInline: true, autoplay: !still });
  video.setAttribute("aria-label", words.CLIP_PREVIEW);
  return video;
}
