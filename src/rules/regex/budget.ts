/** How much work matching may do, and what happens when it is used up. It measures nothing by itself: time is an argument. */

/** Thrown by a match whose budget is used up; the text neither matched nor failed to. */
export class OutOfBudget extends Error {
  constructor() {
    super('the pattern needs more steps than allowed');
  }
}

export interface BudgetOptions {
  /** Steps of the budgeted matcher before the clock is looked at. */
  readonly steps: number;
  /** On `nowMs`'s scale. */
  readonly deadlineMs: number;
  readonly nowMs: () => number;
  /** false: when the steps are used up, that is the end. true: they are renewed until the deadline. */
  readonly renew: boolean;
}

/** Steps between two looks at the clock. */
const NATIVE_PER_LOOK = 64;

export class Budget {
  #stepsLeft: number;
  #options: BudgetOptions;
  #natives = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#stepsLeft = options.steps;
  }

  /** Begins anew, so that one object serves all statements. */
  restart(options: BudgetOptions): void {
    this.#options = options;
    this.#stepsLeft = options.steps;
    this.#natives = 0;
  }

  /** Takes `steps` from what is left; throws OutOfBudget when that is not enough. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) this.#refill();
  }

  #refill(): void {
    const { renew, steps } = this.#options;
    if (!renew) throw new OutOfBudget();
    this.checkTime();
    this.#stepsLeft = steps;
  }

  /** To be called after every native match; `heavy` ones may have taken up to regexNativeStepsMax. */
  afterNative(heavy: boolean): void {
    this.#natives += 1;
    if (heavy || this.#natives % NATIVE_PER_LOOK === 0) this.checkTime();
  }

  checkTime(): void {
    if (this.#options.nowMs() > this.#options.deadlineMs) throw new OutOfBudget();
  }
}

/** A budget without an end, for tests and tools. */
export function unlimitedBudget(): Budget {
  return new Budget({ steps: 1e9, deadlineMs: Number.POSITIVE_INFINITY, nowMs: () => 0, renew: true });
}
