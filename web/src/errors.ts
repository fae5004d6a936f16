/** What the page tells a visitor in one sentence: what was wrong, and what to do. */
export class VisitorError extends Error {
  override name = "VisitorError";
}
