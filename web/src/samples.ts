/** The examples: files that visitors may take instead of their own, fetched once, so that nothing is asked for later. */
import photo from "../../runtime/assets/sample.jpg?url";
import sample from "../../runtime/assets/sample.mp4?url";

const CLIPS = import.meta.glob<string>("../../demo/assets/clips/*.mp4", { query: "?url", import: "default", eager: true });

export interface Samples {
  photos: File[];
  clips: File[];
}

export async function fetchSamples(): Promise<Samples> {
  const clips = Object.entries(CLIPS).map(([path, url]) => fetched(path, url));
  return {
    photos: [await fetched("sample.jpg", photo)],
    clips: await Promise.all([fetched("sample.mp4", sample), ...clips]),
  };
}

async function fetched(path: string, url: string): Promise<File> {
  const blob = await (await fetch(url)).blob();
  const name = path.split("/").pop()!;
  return new File([blob], name, { type: name.endsWith(".jpg") ? "image/jpeg" : "video/mp4" });
}
