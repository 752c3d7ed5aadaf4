/**
 * Statements the proxy answers itself, as ProxySQL does: USE, SET NAMES, COMMIT without a transaction, the version
 * probe of the mysql client, CONNECTION_ID(). Everything else goes to a server. Pure but for what it is told.
 */
import type { CharacterSet, MirroredState } from '../backend/mirrored-state.ts';
import { collationByName, defaultCollationOf, isParseable } from '../protocol/charsets.ts';
import { ColumnType } from '../protocol/column-types.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import type { PacketWriter } from '../protocol/packet-writer.ts';
import { type ColumnDefinition, writeTextResultset } from '../protocol/text-resultset.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import { parseSet } from '../sql/set-parser.ts';
import { parseUse } from '../sql/use-parser.ts';
import { decodeText, notDecoded } from './client-text.ts';
import { areKnownNames } from './known-values.ts';
import type { Leases } from './leases.ts';
import type { Statement } from './statement.ts';

export type LocalAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'error'; readonly error: ProtocolError }
  | { readonly kind: 'schema'; readonly schema: string }
  | { readonly kind: 'names'; readonly names: CharacterSet }
  | {
      readonly kind: 'resultset';
      write(writer: PacketWriter, sequenceId: number, statusFlags: number, deprecateEof: boolean): void;
    };

/** What the answers depend on. */
export interface LocalContext {
  /** What PROXYSQL INTERNAL SESSION shows. */
  info(): unknown;
  readonly leases: Pick<Leases, 'pinned' | 'inTransaction'>;
  readonly state: MirroredState;
  readonly connectionId: number;
  readonly capabilities: number;
  readonly likeProxysql: boolean;
  /** Warnings that the last statement's answer counted. */
  readonly warned: number;
}

const OK: LocalAnswer = { kind: 'ok' };

/** Statements longer than this are never answered here, in bytes. */
const LOCAL_STATEMENT_BYTES_MAX = 256;
/** What the mysql client asks to find out whether `$$` can be a name. */
const DOLLAR_PROBE_BYTES = 'select $$'.length;
const VERSION_COMMENT_PROBE = 'select @@version_comment limit 1';
/** The column as ProxySQL describes it. */
const VERSION_COMMENT: ColumnDefinition = {
  name: '@@version_comment',
  type: ColumnType.VAR_STRING,
  charset: 33,
  length: 24,
  flags: 0,
  decimals: 31,
};

/** Before the rules: what never reaches a server whatever the rules say. */
export function answerLocally(
  context: LocalContext,
  facts: StatementFacts,
  buffer: Buffer,
  start: number,
  end: number,
): LocalAnswer | undefined {
  if (end - start > LOCAL_STATEMENT_BYTES_MAX || facts.multiStatement) return undefined;
  switch (facts.kind) {
    case 'select':
      if (end - start === DOLLAR_PROBE_BYTES && /^select \$\$$/i.test(buffer.toString('latin1', start, end)))
        return { kind: 'error', error: errors.unknownDollarColumn() };
      if (end - start !== VERSION_COMMENT_PROBE.length) return undefined;
      return buffer.toString('latin1', start, end) === VERSION_COMMENT_PROBE
        ? cellOf(VERSION_COMMENT, '(ProxySQL)')
        : undefined;
    case 'use': {
      const text = decodeText(buffer, start, end, context.state);
      if (text === undefined) return { kind: 'error', error: notDecoded(buffer, start, end, context.state) };
      const schema = parseUse(text);
      return schema === undefined ? undefined : { kind: 'schema', schema };
    }
    case 'set':
      return context.leases.pinned ? undefined : answerSetNames(buffer.toString('utf8', start, end));
    case 'commit':
    case 'rollback':
      // What is pinned may wait for the end of a transaction all the same (SET TRANSACTION, XA).
      return context.leases.inTransaction() === undefined &&
        !context.leases.pinned &&
        isPlainEnd(buffer.toString('latin1', start, end))
        ? OK
        : undefined;
    case 'other':
      return answerInternal(context, buffer.toString('latin1', start, end));
    default:
      return undefined;
  }
}

/** PROXYSQL INTERNAL SESSION tells a client what the proxy knows of its session; there are no others. */
function answerInternal(context: LocalContext, text: string): LocalAnswer | undefined {
  const what = /^PROXYSQL INTERNAL (.*)$/is.exec(text)?.[1];
  if (what === undefined) return undefined;
  if (what.toUpperCase() !== 'SESSION') return { kind: 'error', error: errors.unknownProxysqlInternal() };
  return oneCell('session_info', JSON.stringify(context.info(), null, 4));
}

/** The longest that is looked at, in bytes. */
const CONNECTION_ID_BYTES_MAX = 64;
const CONNECTION_ID = /^\s*SELECT\s+(CONNECTION_ID\(\))\s*;?\s*$/i;

/**
 * After the rules: what a rule may refuse or rewrite, but no server needs to see. With more than this, or prepared,
 * CONNECTION_ID() is asked of a server: see own-connection-id.ts.
 */
export function answerLocallyAfterRules(context: LocalContext, statement: Statement): LocalAnswer | undefined {
  const { facts, frame } = statement;
  if (context.likeProxysql && (facts.effects & SessionEffect.WARNINGS) !== 0) return answerDiagnostics(context, frame);
  if (facts.effects !== SessionEffect.CONNECTION_ID || facts.multiStatement) return undefined;
  if (frame.length > CONNECTION_ID_BYTES_MAX) return undefined;
  const name = CONNECTION_ID.exec(frame.toString('latin1', HEADER_BYTES + 1))?.[1];
  return name === undefined ? undefined : oneCell(name, String(context.connectionId), ColumnType.LONGLONG);
}

const WARNINGS_OF_NOTHING = resultOf(
  ['Level', 'Code', 'Message'].map((name) => columnOf(name, ColumnType.VAR_STRING)),
  [],
);
const DIAGNOSTICS_BYTES_MAX = 64;
const DIAGNOSTICS = /^\s*SHOW\s+(COUNT\s*\(\s*\*\s*\)\s*)?WARNINGS\s*;?\s*$/i;

/** Source: ProxySQL, which asks a server for warnings when there are some, and tells of no error. */
function answerDiagnostics({ warned }: LocalContext, frame: Buffer): LocalAnswer | undefined {
  if (frame.length > DIAGNOSTICS_BYTES_MAX) return undefined;
  const match = DIAGNOSTICS.exec(frame.toString('latin1', HEADER_BYTES + 1));
  if (match === null) return undefined;
  if (match[1] !== undefined) return oneCell('@@session.warning_count', String(warned));
  return warned > 0 ? undefined : WARNINGS_OF_NOTHING;
}

function isPlainEnd(text: string): boolean {
  return /^\s*(commit|rollback)\s*;?\s*$/i.test(text);
}

/** SET NAMES alone is kept here when any server would take it; any other SET has to pass the rules first. */
function answerSetNames(text: string): LocalAnswer | undefined {
  const result = parseSet(text);
  if (result.kind !== 'assignments' || result.assignments.length > 0 || result.names === undefined) return undefined;
  if (result.names.characterSetOnly === true || /^default$/i.test(result.names.charset)) return undefined;
  const names = checkNames(result.names.charset, result.names.collation);
  if (!('code' in names) && !areKnownNames(result.names)) return undefined;
  return 'code' in names ? { kind: 'error', error: names } : { kind: 'names', names };
}

/** The character set a SET NAMES asks for, or MySQL's error: 1115 in ProxySQL's words, 1231 in the server's. */
export function checkNames(charset: string, collation: string | undefined): CharacterSet | ProtocolError {
  const known = defaultCollationOf(charset);
  if (known === undefined) return errors.unknownCharset(charset);
  if (!isParseable(charset)) return errors.clientCharset(charset);
  if (collation === undefined) return { charset: known.charset, collation: '' };
  // MariaDB's own collations are one for all character sets.
  const wanted = collationByName(/^uca1400_/i.test(collation) ? `${known.charset}_${collation}` : collation);
  if (wanted === undefined || wanted.charset !== known.charset) {
    return errors.unknownCharsetOrCollation(charset, collation);
  }
  return { charset: known.charset, collation: wanted.name };
}

function oneCell(name: string, value: string, type: ColumnType = ColumnType.VAR_STRING): LocalAnswer {
  return cellOf(columnOf(name, type), value);
}

function columnOf(name: string, type: ColumnType): ColumnDefinition {
  return { name, type, charset: 33, length: 15, flags: 1, decimals: 31 };
}

function cellOf(column: ColumnDefinition, value: string): LocalAnswer {
  return resultOf([column], [[value]]);
}

function resultOf(columns: readonly ColumnDefinition[], rows: readonly (readonly string[])[]): LocalAnswer {
  return {
    kind: 'resultset',
    write(writer, sequenceId, statusFlags, deprecateEof) {
      writeTextResultset(writer, sequenceId, { columns, rows, statusFlags, deprecateEof });
    },
  };
}
