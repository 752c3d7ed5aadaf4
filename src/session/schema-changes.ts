/**
 * What does a statement do to the schema that its session is in, and its connection? A server enters one with USE, and is in
 * none when the schema it was in is dropped. Here is what can be told from the statement; aftermath.ts moves the session. Pure.
 */
import type { MirroredState } from '../backend/mirrored-state.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { droppedSchemas, soleDroppedSchema } from '../sql/dropped-schemas.ts';
import { SessionEffect } from '../sql/facts.ts';
import { parseUse } from '../sql/use-parser.ts';
import { decodeText } from './client-text.ts';
import type { Statement } from './statement.ts';

/** A statement whose facts say that it drops schemas names this one. @param state of its session */
export function dropsSchema(statement: Statement, state: MirroredState, schema: string): boolean {
  const { command } = statement;
  return (command === 'query' || command === 'execute') && droppedSchemas(textOf(statement, state)).includes(schema);
}

/**
 * The schema that a session has entered by executing a prepared USE, which MariaDB takes; undefined: it is where it was. Of one
 * that was prepared in another schema nothing is left, since the server goes back to where the session was.
 * @param state of the session
 */
export function enteredSchema(statement: Statement, state: MirroredState): string | undefined {
  const { command, facts, prepared } = statement;
  if (command !== 'execute' || facts.kind !== 'use' || prepared?.schema !== state.schema) return undefined;
  return parseUse(textOf(statement, state));
}

/**
 * The schema of a connection after a statement whose facts say that it enters or drops schemas.
 * @param before the connection's, undefined when it was not known
 * @param state of the statement's session
 * @param ok the server took it
 * @returns '' when there is none for sure, undefined when that is not known
 */
export function schemaAfter(
  before: string | undefined,
  statement: Statement,
  state: MirroredState,
  ok: boolean,
): string | undefined {
  if ((statement.facts.effects & SessionEffect.SCHEMA) !== 0 || before === undefined) return undefined;
  // Dropping leads into none.
  if (before === '') return before;
  return ok && soleDroppedSchema(textOf(statement, state)) === before ? '' : undefined;
}

function textOf({ prepared, frame }: Statement, state: MirroredState): string {
  const bytes = prepared === undefined ? frame.subarray(HEADER_BYTES + 1) : prepared.text;
  return decodeText(bytes, 0, bytes.length, state) ?? bytes.toString('utf8');
}
