/** The mark of what is generated, inside the files themselves: as runtime/media/provenance.py writes it. */
import words from "./shared/words.json";

export const TAGS = { description: words.STATEMENT, comment: words.COMMENT };

/** Identifies the box that holds XMP in files of the MP4 family (XMP specification, part 3). */
const XMP_BOX = [0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac];

/** `film` with XMP at its end where it is an MP4; tags are in it already. */
export function marked(film: Blob): Blob {
  if (!film.type.startsWith("video/mp4")) return film;
  const xmp = new TextEncoder().encode(words.XMP);
  const size = new DataView(new ArrayBuffer(4));
  size.setUint32(0, 8 + XMP_BOX.length + xmp.length);
  return new Blob([film, size.buffer, "uuid", Uint8Array.from(XMP_BOX), xmp], { type: film.type });
}

/** Name under which a film made of the photo `name` is kept. */
export function filmName(name: string, film: Blob): string {
  const stem = name.replace(/\.[^.]*$/, "") || "photo";
  return `${stem}-bunraku.${film.type.startsWith("video/mp4") ? "mp4" : "webm"}`;
}
