/**
 * Commands about sessions and what workers have: KILL and PULL VERSION.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { AdminContext } from '../context.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';

/** A client's session, or an admin session when there is none with that number. */
export async function killConnection(context: AdminContext, sessionId: number): Promise<AdminReply> {
  if (await context.plane.order({ kind: 'kill-session', sessionId })) return okReply();
  const session = context.sessions.find(sessionId);
  session?.end();
  return session === undefined ? unknown(sessionId) : okReply();
}

/** Ends what an admin session runs; clients' statements are ended on the port of the clients. */
export function killQuery(context: AdminContext, sessionId: number): AdminReply {
  const session = context.sessions.find(sessionId);
  session?.interrupt();
  return session === undefined ? unknown(sessionId) : okReply();
}

function unknown(sessionId: number): AdminReply {
  return adminError(`Unknown thread id: ${sessionId}`);
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
