/**
 * What if somebody asks for warnings that are gone? Behind a statement on a lane another session's runs, and overwrites
 * its warnings or error. The statement is remembered, and runs once more before the one that asks for them (SHOW WARNINGS,
 * …), on a connection of the session's own; its second answer goes to nobody.
 */
import type { Statement } from '../statement.ts';
import { ASKS_BACK } from './statement-effects.ts';

export class OverwrittenDiagnostics {
  /** What asks for them, while their statement runs once more and nobody sees its answer. */
  asking: Statement | undefined;
  /** Whose they were. */
  #of: Statement | undefined;

  /** The statement at work is one that runs once more. */
  get replaying(): boolean {
    return this.asking !== undefined;
  }

  /** Nobody asks any more for what the last statement left. */
  forget(): void {
    this.#of = undefined;
  }

  remember(statement: Statement): void {
    this.#of = { ...statement, frame: Buffer.from(statement.frame) };
  }

  /** What has to run now that the client sent this: almost always the very statement. */
  first(statement: Statement): Statement {
    const of = this.#of;
    if (of === undefined || statement.command === 'prepare') return statement;
    this.#of = undefined;
    if ((statement.facts.effects & ASKS_BACK) === 0) return statement;
    this.asking = { ...statement, hostgroup: of.hostgroup };
    return of;
  }

  /** The statement at work is over. */
  over(): void {
    this.asking = undefined;
  }
}
