/**
 * How many lanes of a server there should be, found by trying. One lane makes the fewest writes and wake-ups, but its
 * statements are answered one after the other; whether more lanes are quicker depends on the server's idle processors,
 * which nobody can see from here. So now and then one more or one fewer is tried for a moment, and kept when statements
 * came back sooner. It knows times of one server and changes nothing but a number.
 */

/** Looks that are averaged before and after a change; `adapt` is called ten times a second. */
const LOOKS = 3;
/** With fewer statements in a look nobody can tell a difference, and it makes none. */
export const laneLookAnswersMin = 50;
/** More lanes have to be quicker by this factor, fewer may be slower by that one. */
const QUICKER = 0.9;
const NO_SLOWER = 1.03;
/** When so much more or less was under way, the times cannot be compared. */
const SAME_LOAD = 1.3;
/** Statements under way for each lane from which on another lane is worth a try. */
const CROWDED = 1.5;
/** Looks until the next try, after one that was in vain; doubled each time. */
const REST_MIN = 4;
const REST_MAX = 64;

export class LaneCount {
  lanes = 1;
  #sumMs = 0;
  #answers = 0;
  #lookedAtMs = 0;
  /** Looks of the current average, what they saw, and what is awaited before the next one. */
  #looks = 0;
  #turnaroundMs = 0;
  #underWay = 0;
  #rest = 0;
  #restAfterFailure = REST_MIN;
  /** The number of lanes and the averages before the change that is being tried. */
  #before: { readonly lanes: number; readonly turnaroundMs: number; readonly underWay: number } | undefined;
  #up = true;

  /** A statement on a lane was answered so long after it came, in ms. */
  note(turnaroundMs: number): void {
    this.#sumMs += turnaroundMs;
    this.#answers += 1;
  }

  /** Called ten times a second. @param nowMs of any clock */
  adapt(nowMs: number): void {
    const elapsedMs = nowMs - this.#lookedAtMs;
    const sumMs = this.#sumMs;
    const answers = this.#answers;
    this.#lookedAtMs = nowMs;
    this.#sumMs = 0;
    this.#answers = 0;
    if (answers < laneLookAnswersMin || elapsedMs <= 0) return this.#giveUp();
    if (this.#rest > 0) {
      this.#rest -= 1;
      return;
    }
    this.#looks += 1;
    this.#turnaroundMs += sumMs / answers / LOOKS;
    // Little's law.
    this.#underWay += sumMs / elapsedMs / LOOKS;
    if (this.#looks < LOOKS) return;
    if (this.#before === undefined) this.#try();
    else this.#judge(this.#before);
    this.#looks = 0;
    this.#turnaroundMs = 0;
    this.#underWay = 0;
  }

  #try(): void {
    const { lanes } = this;
    const crowded = this.#underWay >= CROWDED * lanes;
    if (lanes === 1 && !crowded) return;
    if (lanes === 1) this.#up = true;
    else if (!crowded) this.#up = false;
    this.#before = { lanes, turnaroundMs: this.#turnaroundMs, underWay: this.#underWay };
    this.lanes = this.#up ? lanes + Math.max(1, lanes >> 1) : lanes - Math.max(1, lanes >> 2);
    // The first look sees the change come about.
    this.#rest = 1;
  }

  #judge(before: { readonly lanes: number; readonly turnaroundMs: number; readonly underWay: number }): void {
    this.#before = undefined;
    const load = this.#underWay / before.underWay;
    const ratio = this.#turnaroundMs / before.turnaroundMs;
    if (load > SAME_LOAD || load < 1 / SAME_LOAD) {
      this.lanes = before.lanes;
      return;
    }
    if (ratio <= (this.#up ? QUICKER : NO_SLOWER)) {
      this.#restAfterFailure = REST_MIN;
      return;
    }
    this.lanes = before.lanes;
    this.#up = !this.#up;
    this.#rest = this.#restAfterFailure;
    this.#restAfterFailure = Math.min(REST_MAX, this.#restAfterFailure * 2);
  }

  #giveUp(): void {
    if (this.#before !== undefined) this.lanes = this.#before.lanes;
    this.#before = undefined;
    this.#looks = 0;
    this.#turnaroundMs = 0;
    this.#underWay = 0;
    this.#restAfterFailure = REST_MIN;
  }
}
