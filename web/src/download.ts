/** Files fetched with progress, and refused where they are not what was announced. */
import { sha256 } from "./bundle";
import { VisitorError } from "./errors";

/** Called with bytes that have come, and that will come in all. */
export type Progress = (done: number, total: number) => void;

export interface Wanted {
  url: string;
  bytes: number;
  /** Where it is known. */
  sha256?: string;
}

/** The content of all `files` by their keys. Throws a `VisitorError` for one that cannot be had, or is damaged. */
export async function download<K extends string>(
  files: Record<K, Wanted>,
  progress: Progress = () => {},
): Promise<Record<K, Uint8Array<ArrayBuffer>>> {
  const entries = Object.entries(files) as [K, Wanted][];
  const total = entries.reduce((sum, [, file]) => sum + file.bytes, 0);
  let done = 0;
  let failed = false;
  // Files still on their way when another one fails would report over its error.
  const report = (more: number): void => void (failed || progress((done += more), total));
  const loaded = entries.map(async ([key, file]) => [key, await one(file, report)] as const);
  try {
    return Object.fromEntries(await Promise.all(loaded)) as Record<K, Uint8Array<ArrayBuffer>>;
  } catch (error) {
    failed = true;
    throw error;
  }
}

async function one(file: Wanted, report: (more: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const name = file.url.split("/").pop();
  const response = await fetch(file.url).catch(() => undefined);
  if (!response?.ok || !response.body) {
    throw new VisitorError(`${name} could not be fetched; check the connection and reload the page.`);
  }
  const content = new Uint8Array(file.bytes);
  let at = 0;
  const reader = response.body.getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    if (at + chunk.value.length > file.bytes) throw damaged(name);
    content.set(chunk.value, at);
    at += chunk.value.length;
    report(chunk.value.length);
  }
  if (at !== file.bytes || (file.sha256 && (await sha256(content)) !== file.sha256)) throw damaged(name);
  return content;
}

function damaged(name?: string): VisitorError {
  return new VisitorError(`${name} arrived damaged; reload the page.`);
}
