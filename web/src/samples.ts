/** The examples: files that visitors may take instead of their own, fetched once, so that nothing is asked for later. */
const PHOTOS = import.meta.glob<string>("../../demo/assets/photos/*.jpg", { query: "?url", import: "default", eager: true });
const CLIPS = import.meta.glob<string>("../../demo/assets/clips/*.mp4", { query: "?url", import: "default", eager: true });

export interface Samples {
  photos: File[];
  clips: File[];
}

export async function fetchSamples(): Promise<Samples> {
  const all = (files: Record<string, string>) =>
    Promise.all(Object.entries(files).map(([path, url]) => fetched(path, url)));
  return { photos: await all(PHOTOS), clips: await all(CLIPS) };
}

async function fetched(path: string, url: string): Promise<File> {
  const blob = await (await fetch(url)).blob();
  const name = path.split("/").pop()!;
  return new File([blob], name, { type: name.endsWith(".jpg") ? "image/jpeg" : "video/mp4" });
}
