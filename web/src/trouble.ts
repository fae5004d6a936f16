/** What a visitor reads when something went wrong. */
import { VisitorError } from "./errors";
import { words } from "./words";

/** The sentence for `error`; faults of ours go to the console, too. */
export function tell(error: unknown): string {
  if (error instanceof VisitorError) return error.message;
  console.error(error);
  return words.FAULT;
}
