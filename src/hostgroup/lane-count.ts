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
/**
 * More lanes have to be quicker by this factor, and twice, since others use the machine as well; fewer may be slower by
 * that one, since they cost less.
 */
const QUICKER = 0.9;
const NO_SLOWER = 1.1;
/** When so much more or less was under way, the times cannot be compared. */
const SAME_LOAD = 1.3;
/** Statements under way for each lane from which on another lane is worth a try. */
const CROWDED = 1.5;
/** Looks until the next try, after one that was in vain; doubled each time. */
const REST_MIN = 4;
const REST_MAX = 256;
/** A rest ends early when so many times as much is under way as at the last try in vain, or takes so many times as long. */
const OTHER_TIMES = 2;

/** What the statements of some looks had to do with each other. */
interface Load {
  /** From a statement's arrival to the end of its answer, in ms. */
  readonly turnaroundMs: number;
  /** Statements under way at the same time. */
  readonly underWay: number;
}

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
  #before: (Load & { readonly lanes: number }) | undefined;
  /** When the last try turned out to be in vain. */
  #inVain: Load | undefined;
  #up = true;
  /** More lanes were quicker once. */
  #quickerOnce = false;

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
    const turnaroundMs = sumMs / answers;
    // Little's law.
    const underWay = sumMs / elapsedMs;
    if (this.#rest > 0) {
      this.#rest -= 1;
      if (this.#inVain === undefined || !differs(this.#inVain, turnaroundMs, underWay)) return;
      this.#inVain = undefined;
      this.#rest = 0;
      this.#restAfterFailure = REST_MIN;
    }
    this.#looks += 1;
    this.#turnaroundMs += turnaroundMs / LOOKS;
    this.#underWay += underWay / LOOKS;
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

  #judge(before: Load & { readonly lanes: number }): void {
    this.#before = undefined;
    const load = this.#underWay / before.underWay;
    const ratio = this.#turnaroundMs / before.turnaroundMs;
    if (load > SAME_LOAD || load < 1 / SAME_LOAD) {
      this.lanes = before.lanes;
      return;
    }
    const good = ratio <= (this.#up ? QUICKER : NO_SLOWER);
    const again = good && this.#up && !this.#quickerOnce;
    this.#quickerOnce = again;
    if (good && !again) {
      this.#restAfterFailure = REST_MIN;
      return;
    }
    this.lanes = before.lanes;
    if (again) {
      this.#rest = 1;
      return;
    }
    this.#up = !this.#up;
    this.#inVain = before;
    this.#rest = this.#restAfterFailure;
    this.#restAfterFailure = Math.min(REST_MAX, this.#restAfterFailure * 2);
  }

  /** What was found out stays true for the next burst. */
  #giveUp(): void {
    if (this.#before !== undefined) {
      this.lanes = this.#before.lanes;
      this.#rest = this.#restAfterFailure;
    }
    this.#before = undefined;
    this.#looks = 0;
    this.#turnaroundMs = 0;
    this.#underWay = 0;
  }
}

function differs(load: Load, turnaroundMs: number, underWay: number): boolean {
  return apart(load.turnaroundMs, turnaroundMs) || apart(load.underWay, underWay);
}

function apart(a: number, b: number): boolean {
  return a > b * OTHER_TIMES || b > a * OTHER_TIMES;
}
