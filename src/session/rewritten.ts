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
import type { Draft } from './statement.ts';

type Sent = Pick<Draft, 'command' | 'frame' | 'entry' | 'facts' | 'faithful' | 'preparing'>;

/** Puts what a rule made of the text in the place of what the client sent, if one did. */
export function rewrite(
  draft: Sent,
  { rewrittenQuery }: Decision,
  digests: DigestCache,
  quoting: ClassifyOptions | undefined,
): void {
  if (rewrittenQuery === undefined) return;
  // Rules see one character per byte.
  const text = Buffer.from(rewrittenQuery, 'latin1');
  draft.entry = digests.lookup(text, 0, text.length);
  draft.faithful = digests.faithful;
  const facts = digests.factsOf(draft.entry, text, 0, text.length, quoting);
  if (!isNoStatement(facts)) draft.facts = facts;
  draft.frame = commandFrame(draft.command === 'prepare' ? Command.COM_STMT_PREPARE : Command.COM_QUERY, text);
  if (draft.preparing !== undefined) draft.preparing = { ...draft.preparing, text };
}

/** A replacement gone wrong is for the server to refuse; a client's own unknown word might be a statement newer than us. */
function isNoStatement({ kind, effects }: StatementFacts): boolean {
  return kind === 'other' && effects === SessionEffect.OPAQUE;
}
