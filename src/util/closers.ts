/**
 * What has been opened and is to be closed again, the last first: the same at the end of a run and when a start fails
 * half-way. It knows nothing of what it closes.
 */

export class Closers {
  readonly #list: (() => void | Promise<void>)[] = [];

  /** Called by closeAll(), before everything that was added earlier. */
  add(close: () => void | Promise<void>): void {
    this.#list.push(close);
  }

  /** Closes all, one after another; one that fails does not keep the others open. Rejects with the first failure. */
  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#list.pop(); close !== undefined; close = this.#list.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
