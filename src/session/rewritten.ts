/**
 * What a rule made of a statement's text, as if the client had sent it: the bytes for the server, the digest under which
 * it is counted, and what it does to the server's session. Which rules match was decided on the client's own text.
 */
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import type { Decision } from '../rules/decision.ts';
import type { ClassifyOptions } from '../sql/classify.ts';
import type { DigestCache } from '../sql/digest-cache.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import type { Statement } from './statement.ts';

type Sent = Pick<Statement, 'command' | 'frame' | 'entry' | 'facts'>;

/** `original` itself when no rule changed its text. */
export function rewritten<T extends Sent>(
  original: T,
  { rewrittenQuery }: Decision,
  digests: DigestCache,
  quoting: ClassifyOptions | undefined,
): Pick<Sent, 'frame' | 'entry' | 'facts'> {
  if (rewrittenQuery === undefined) return original;
  // Rules see one character per byte.
  const text = Buffer.from(rewrittenQuery, 'latin1');
  const entry = digests.lookup(text, 0, text.length);
  const facts = digests.factsOf(entry, text, 0, text.length, quoting);
  const command = original.command === 'prepare' ? Command.COM_STMT_PREPARE : Command.COM_QUERY;
  return { frame: commandFrame(command, text), entry, facts: isNoStatement(facts) ? original.facts : facts };
}

/** A replacement gone wrong is for the server to refuse; a client's own unknown word might be a statement newer than us. */
function isNoStatement({ kind, effects }: StatementFacts): boolean {
  return kind === 'other' && effects === SessionEffect.OPAQUE;
}
