/**
 * Long work in short pieces: between two of them everybody else gets a turn of the event loop.
 */

/** Resolves in a later turn, after the input and output that is waiting. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
