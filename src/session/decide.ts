/**
 * From a statement to a decision, and the shortcuts past the rules. A decision on whose way no rule looked at literals is
 * kept with the digest; so is one on whose way all rules that look at them were left out by the prefilter, for statements
 * in which it finds none. Both hold for one class of sessions, those that rules cannot tell apart, in one generation.
 */

import type { StatSlot } from '../observe/digest-stats.ts';
import { toBytes } from '../rules/compile.ts';
import { type Decision, type MatchInput, NO_DECISION } from '../rules/decision.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import { afterRules } from './after-rules.ts';
import type { WorkerRuntime } from './context.ts';
import { DigestPace } from './digest-pace.ts';
import type { PassedHead } from './masking/passing-answer.ts';

/** What of a session rules can look at. */
export interface Decidable {
  readonly user: { readonly username: string };
  readonly state: { readonly schema: string };
  readonly client: { readonly address: string; readonly localAddress: string; readonly localPort: number };
}

/** A session's memory of its class; the session keeps it, this file fills it. */
export interface ClassMemo {
  generation: number;
  schema: string;
  id: number;
}

export function classMemo(): ClassMemo {
  return { generation: -1, schema: '', id: 0 };
}

/** Classes of one generation. More than this are a client's doing: numbers then begin anew, and old decisions are lost. */
export const decisionClassesMax = 100_000;

/** Numbers for classes of sessions: same number, same decisions. */
export class DecisionClasses {
  readonly #ids = new Map<string, number>();
  #last = 0;

  idOf(runtime: WorkerRuntime, who: Decidable, flagIn: number): number {
    const { address, localAddress, localPort } = who.client;
    const seesAddresses = runtime.rules.looksAtAddresses || runtime.firewall !== undefined;
    const where = seesAddresses ? `${address} ${localAddress} ${localPort} ` : '';
    const { username } = who.user;
    const key = `${flagIn} ${where}${username.length} ${username} ${who.state.schema}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    if (this.#ids.size >= decisionClassesMax) this.#ids.clear();
    this.#last += 1;
    this.#ids.set(key, this.#last);
    return this.#last;
  }
}

/** Decisions kept with one digest, for further classes than the last. */
const DECISIONS_PER_DIGEST_MAX = 64;

/** What the data plane remembers with a digest. */
export interface DigestSlot extends StatSlot {
  readonly pace: DigestPace;
  generation: number;
  /** The class and the decision asked for last; most digests are of one class. */
  classId: number;
  decision: Decision | undefined;
  others: Map<number, Decision> | undefined;
  /** Of the answer to a statement of a masked user that touches nothing protected. */
  passedHead: PassedHead | undefined;
  /** Of judges and a schema: all tables and routines that are named are known to them. */
  familiarUnder: number;
  familiarIn: string;
  /** Of judges and a schema: nothing in statements with this digest leads to protected columns; see Guard. */
  clearUnder: number;
  clearIn: string;
}

export function slotOf(entry: DigestEntry): DigestSlot {
  if (entry.slot !== undefined) return entry.slot as DigestSlot;
  const slot: DigestSlot = {
    pace: new DigestPace(),
    statMemo: undefined,
    generation: -1,
    classId: 0,
    decision: undefined,
    others: undefined,
    passedHead: undefined,
    familiarUnder: -1,
    familiarIn: '',
    clearUnder: -1,
    clearIn: '',
  };
  entry.slot = slot;
  return slot;
}

function classOf(runtime: WorkerRuntime, who: Decidable, memo: ClassMemo, flagIn: number): number {
  if (flagIn !== 0) return runtime.classes.idOf(runtime, who, flagIn);
  if (memo.generation !== runtime.generation || memo.schema !== who.state.schema) {
    memo.generation = runtime.generation;
    memo.schema = who.state.schema;
    memo.id = runtime.classes.idOf(runtime, who, 0);
  }
  return memo.id;
}

function kept(slot: DigestSlot | undefined, generation: number, classId: number): Decision | undefined {
  if (slot === undefined || slot.generation !== generation) return undefined;
  if (slot.classId === classId) return slot.decision;
  const other = slot.others?.get(classId);
  if (other === undefined) return undefined;
  if (slot.decision !== undefined) slot.others?.set(slot.classId, slot.decision);
  slot.classId = classId;
  slot.decision = other;
  return other;
}

function keep(slot: DigestSlot, generation: number, classId: number, decision: Decision): void {
  if (slot.generation !== generation) {
    slot.generation = generation;
    slot.others = undefined;
  } else if (slot.decision !== undefined && slot.classId !== classId) {
    slot.others ??= new Map();
    if (slot.others.size >= DECISIONS_PER_DIGEST_MAX) slot.others.clear();
    slot.others.set(slot.classId, slot.decision);
  }
  slot.classId = classId;
  slot.decision = decision;
}

/** A text longer than this is not scanned by the prefilter, which takes about 1.5 ms for a million bytes. */
export const prefilterBytesMax = 256 * 1024;

/**
 * The decision, or the input of the rules when finding it could hold up the event loop; then `afterRules` is still to
 * be asked.
 */
export function tryDecide(
  runtime: WorkerRuntime,
  who: Decidable,
  memo: ClassMemo,
  entry: DigestEntry,
  buffer: Buffer,
  start: number,
  end: number,
  flagIn: number,
  rewrite: boolean,
): Decision | MatchInput {
  if (runtime.nothingToDecide) return NO_DECISION;
  const classId = classOf(runtime, who, memo, flagIn);
  const known = kept(entry.slot as DigestSlot | undefined, runtime.generation, classId);
  if (known?.cacheable === true) return known;
  const { rules } = runtime;
  const scanned = rules.prefilter !== undefined && end - start <= prefilterBytesMax;
  const found = scanned && rules.prefilter?.scan(buffer, start, end) === true && foundAny(runtime, who);
  if (known !== undefined && scanned && !found) return known;
  const input = matchInput(runtime, entry, who, flagIn, buffer.toString('latin1', start, end), rewrite);
  const decision = rules.tryDecide(input, undefined, undefined, scanned);
  if (decision === undefined) return input;
  const result = afterRules(runtime, entry, who, flagIn, decision);
  if (result.cacheable || (scanned && !found && result.cacheableUnlessFound)) {
    keep(slotOf(entry), runtime.generation, classId, result);
  }
  return result;
}

export function isInput(decided: Decision | MatchInput): decided is MatchInput {
  return 'query' in decided;
}

function foundAny(runtime: WorkerRuntime, who: Decidable): boolean {
  return runtime.rules.foundAny(toBytes(who.user.username), toBytes(who.state.schema));
}

/** @param query the statement as latin1, byte for byte. */
export function matchInput(
  runtime: WorkerRuntime,
  entry: DigestEntry,
  who: Decidable,
  flagIn: number,
  query: string,
  rewrite: boolean,
): MatchInput {
  const digests = runtime.variables.queryDigests;
  return {
    username: toBytes(who.user.username),
    schemaname: toBytes(who.state.schema),
    clientAddress: who.client.address,
    proxyAddress: who.client.localAddress,
    proxyPort: who.client.localPort,
    flagIn,
    digest: digests ? entry.digest : undefined,
    digestText: digests ? entry.digestText : undefined,
    query,
    rewrite,
  };
}
