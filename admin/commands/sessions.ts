/**
 * Commands about clients of the proxy and what workers have: KILL CONNECTION and PULL VERSION.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { AdminContext } from '../context.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';

export async function killConnection(context: AdminContext, sessionId: number): Promise<AdminReply> {
  const found = await context.plane.order({ kind: 'kill-session', sessionId });
  return found ? okReply() : adminError(`Unknown thread id: ${sessionId}`);
}

/** How often PULL VERSION looks, in ms. */
const PULL_INTERVAL_MS = 50;
/** The longest PULL VERSION waits, whatever it is asked for, in ms. */
export const PULL_VERSION_MAX_MS = 3_600_000;

/** Waits until the servers were loaded to the runtime so many times, or the time is over; says how many it is. */
export async function pullVersion(
  context: AdminContext,
  wanted: { readonly version: number; readonly timeoutS: number },
): Promise<AdminReply> {
  const until = performance.now() + Math.min(wanted.timeoutS * 1000, PULL_VERSION_MAX_MS);
  const version = (): number => context.promotion.checksums.versionOf('mysql_servers');
  while (version() < wanted.version && performance.now() < until) await pause(PULL_INTERVAL_MS);
  return { kind: 'rows', columns: ['version'], rows: [[String(version())]] };
}
