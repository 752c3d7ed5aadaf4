/** Time as the data plane's objects get it from their composition root: tests have one that goes when they say so. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls back once, `ms` from now at the earliest. Does not keep a process alive. */
  after(ms: number, callback: () => void): void;
}

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => Date.now(),
  after: (ms, callback) => {
    setTimeout(callback, ms).unref();
  },
};
