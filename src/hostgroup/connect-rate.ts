/**
 * How many connections may be opened to one hostgroup in a second: mysql-throttle_connections_per_sec_to_hostgroup. It
 * counts and decides; who may not has to ask again.
 */
const WINDOW_MS = 1_000;

export class ConnectRate {
  #windowMs = Number.NEGATIVE_INFINITY;
  #opened = 0;

  /** May one more be opened now? @param limit a second, of this worker */
  admits(limit: number, nowMs: number): boolean {
    return this.#opened < limit || nowMs - this.#windowMs >= WINDOW_MS;
  }

  note(nowMs: number): void {
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#opened = 0;
    }
    this.#opened += 1;
  }
}
