/**
 * From a statement to the input of the rules, and the shortcut past them: a decision on whose way no rule looked at
 * literals is kept with the digest, for the session properties it was made for, until the next generation.
 */

import type { StatSlot } from '../observe/digest-stats.ts';
import { toBytes } from '../rules/compile.ts';
import { type Decision, type MatchInput, NO_DECISION } from '../rules/decision.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { WorkerRuntime } from './context.ts';

/** What of a session rules can look at. */
export interface Decidable {
  readonly user: { readonly username: string };
  readonly state: { readonly schema: string };
  readonly client: { readonly address: string; readonly localAddress: string; readonly localPort: number };
}

/** What the data plane remembers with a digest. */
export interface DigestSlot extends StatSlot {
  decision: Decision | undefined;
  generation: number;
  username: string;
  schema: string;
  clientAddress: string;
  localAddress: string;
  localPort: number;
  flagIn: number;
}

export function slotOf(entry: DigestEntry): DigestSlot {
  if (entry.slot !== undefined) return entry.slot as DigestSlot;
  const slot: DigestSlot = {
    statMemo: undefined,
    decision: undefined,
    generation: -1,
    username: '',
    schema: '',
    clientAddress: '',
    localAddress: '',
    localPort: 0,
    flagIn: 0,
  };
  entry.slot = slot;
  return slot;
}

/** The decision made for this digest before, when it holds for this session and this generation. */
export function knownDecision(
  runtime: WorkerRuntime,
  entry: DigestEntry,
  who: Decidable,
  flagIn: number,
): Decision | undefined {
  if (runtime.rules.empty) return NO_DECISION;
  const slot = entry.slot as DigestSlot | undefined;
  if (slot?.decision === undefined || slot.generation !== runtime.generation || slot.flagIn !== flagIn)
    return undefined;
  const { client } = who;
  const same =
    slot.username === who.user.username &&
    slot.schema === who.state.schema &&
    slot.clientAddress === client.address &&
    slot.localPort === client.localPort &&
    slot.localAddress === client.localAddress;
  return same ? slot.decision : undefined;
}

/** Keeps a decision for the digest, if it depends on nothing else of the statement. */
export function rememberDecision(
  runtime: WorkerRuntime,
  entry: DigestEntry,
  who: Decidable,
  flagIn: number,
  decision: Decision,
): void {
  if (!decision.cacheable) return;
  const slot = slotOf(entry);
  slot.decision = decision;
  slot.generation = runtime.generation;
  slot.flagIn = flagIn;
  slot.username = who.user.username;
  slot.schema = who.state.schema;
  slot.clientAddress = who.client.address;
  slot.localPort = who.client.localPort;
  slot.localAddress = who.client.localAddress;
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
