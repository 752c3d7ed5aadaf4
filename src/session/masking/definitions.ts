/**
 * Which statements may have changed what a server's catalog says. It errs to the safe side; DDL inside of procedures is
 * found by the age of the catalog only.
 */
import type { Statement } from '../statement.ts';
import { textOf } from '../statement-frames.ts';

const DEFINING = /\b(create|alter|drop|rename)\b/i;

/** The statement has run. */
export function mayDefine(statement: Statement): boolean {
  const { facts, command } = statement;
  switch (facts.kind) {
    case 'ddl':
      return command !== 'prepare';
    case 'execute':
      return true;
    case 'multi':
    case 'compound':
    case 'other':
      return command === 'query' && DEFINING.test(textOf(statement));
    default:
      return false;
  }
}
