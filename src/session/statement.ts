/** One statement on its way through a session. Built once per command, read by every stage after that. */
import type { Decision } from '../rules/decision.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { StatementFacts } from '../sql/facts.ts';
import type { PreparedStatement } from './prepared-statements.ts';

export interface Statement {
  readonly command: 'query' | 'prepare' | 'execute';
  readonly hostgroup: number;
  /** Bytes for the server, header and all. */
  readonly frame: Buffer;
  readonly facts: StatementFacts;
  readonly entry: DigestEntry;
  readonly decision: Decision;
  /** The statement of an EXECUTE. */
  readonly prepared: PreparedStatement | undefined;
  /** The text of a PREPARE: as the server gets it, after rewriting, and as the client sent it. */
  readonly preparing: { readonly text: Buffer; readonly originalText: Buffer } | undefined;
  /** `performance.now()` at the arrival of the command. */
  readonly startedAt: number;
  /** The schema when the command arrived; what the digest table shows. */
  readonly schema: string;
}
