/**
 * Have a page move a picture:
 * npx tsx animate.ts photo.jpg driving.mp4 moving.mp4 [http://127.0.0.1:7860] [mode=absolute strength=0.5 ...]
 */

import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";

import { Client, handle_file } from "@gradio/client";

type Options = Record<string, string | number | boolean>;

/** Writes `output`, the picture `source` moved as `driving` moves; gives the page's sentence about it. */
export async function animate(
  page: string,
  source: string,
  driving: string,
  output: string,
  options: Options = {},
): Promise<string> {
  const client = await Client.connect(page);
  try {
    const answer = await client.predict("/animate", {
      source: handle_file(await upload(source)),
      driving: handle_file(await upload(driving)),
      ...options,
    });
    const [video, sentence] = answer.data as [{ url?: string; video?: { url: string } }, string];
    const address = video.video?.url ?? video.url;
    if (address === undefined) throw new Error(`The page gave no video, but: ${sentence}`);
    const result = await fetch(address);
    if (!result.ok) throw new Error(`The result cannot be fetched (${result.status}).`);
    await writeFile(output, new Uint8Array(await result.arrayBuffer()));
    return sentence;
  } finally {
    client.close();
  }
}

async function upload(path: string): Promise<File> {
  return new File([new Uint8Array(await readFile(path))], basename(path));
}

/** Numbers, true and false as JSON has them, everything else as text. */
function value(word: string): string | number | boolean {
  try {
    return JSON.parse(word) as string | number | boolean;
  } catch {
    return word;
  }
}

async function main(words: string[]): Promise<void> {
  const options: Options = {};
  const files: string[] = [];
  for (const word of words) {
    const at = word.indexOf("=");
    if (at > 0 && !word.includes("://")) options[word.slice(0, at)] = value(word.slice(at + 1));
    else files.push(word);
  }
  const [source, driving, output = "moving.mp4", page = "http://127.0.0.1:7860"] = files;
  if (source === undefined || driving === undefined) throw new Error("Give a photo and a video.");
  console.log(await animate(page, source, driving, output, options));
}

main(process.argv.slice(2)).then(
  () => process.exit(0), // the client listens to the page for as long as the process lives
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String((error as { message?: unknown }).message ?? error));
    process.exit(1);
  },
);
