/**
 * SQL for SQLite: brings the tables it names up to date, then runs it in the same turn of the event loop; a SELECT that is
 * not small (admin/reader/cost.ts) runs in a reader process instead, and a change that may be endless is tried there first.
 */
import { readSluiceVariables } from '../../runtime/variables.ts';
import { firstWord } from '../audit/changes.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import { type ExecuteOptions, executeSql, type SqlParameter, type SqlResult } from '../db/execute.ts';
import type { Place } from '../db/program.ts';
import { namesIn } from '../db/sql-tokens.ts';
import { judgeCost, smallReadRowsMax } from '../reader/cost.ts';
import type { EncodedRows } from '../reader/large-reader.ts';
import { writeTrialMsMax } from '../reader/limits.ts';
import { largeReadOf } from '../reader/read-elsewhere.ts';
import { type LargeSource, type Sources, sourcesOf } from '../reader/sources.ts';
import { type AdminReply, okReply } from '../reply.ts';
import { AccessDenied, guardOf } from '../roles/guard.ts';
import { rightsOf } from '../roles/rights.ts';
import type { AdminRights } from '../roles/roles.ts';
import { concealing, holdsSecrets } from '../roles/secrets-hidden.ts';
import { fillStats } from '../stats/refresh.ts';
import { writeTables } from '../table-store.ts';

/**
 * Runs SQL, the first statement of the text, with the rights and the view of the session. `parameters` are those of a
 * prepared statement. Rejects with SqlRefused, with what collecting failed of, or with what ended a large read.
 */
export async function passToSqlite(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  parameters?: readonly SqlParameter[],
): Promise<AdminReply> {
  const names = FILLED_ON_DEMAND.test(sql) ? namesIn(sql) : NO_NAMES;
  const rights = rightsOf(context, session);
  const { signal } = session;
  // Collecting their rows sets counters to zero, whatever becomes of the statement.
  if (rights !== 'full' && [...names].some((name) => name.endsWith('_reset'))) {
    throw new AccessDenied(`setting counters to zero is not allowed to this account (${rights})`);
  }
  const asked = session.role === 'stats' ? new Set([...names].filter((name) => !name.startsWith('runtime_'))) : names;
  const mayRead = READS.has(firstWord(sql));
  const sources = mayRead && !WRITES.test(sql) ? await sourcesOf(asked, context) : await allInPlace(context, asked);
  const run = { rights, parameters, sources };
  const result = runHere(context, session, sql, { ...run, limited: mayRead || CHANGES_BY_SELECT.test(sql) });
  if (result.kind !== 'too-large') return replyOf(result);
  const { adminReadTimeout } = readSluiceVariables(context.plane.current.sluiceVariables);
  const read = (answer: 'binary' | 'text' | 'none', timeoutMs: number): Promise<EncodedRows> =>
    context.reader.read(
      largeReadOf({
        sql: result.sql,
        reading: result.reading,
        parameters,
        answer,
        db: session.role === 'stats' ? context.db.statsView : context.db.handle,
        sources: sources.large,
        statsSchema: statsSchemaOf(session),
        conceal: (place: Place) => concealing(rights, place),
        timeoutMs,
        signal,
      }),
    );
  if (result.writes) {
    await read('none', Math.min(adminReadTimeout, writeTrialMsMax));
    return replyOf(runHere(context, session, sql, { ...run, limited: false }));
  }
  return { kind: 'encoded', ...(await read(parameters === undefined ? 'text' : 'binary', adminReadTimeout)) };
}

function replyOf(result: SqlResult): AdminReply {
  if (result.kind === 'too-large') throw new Error('a statement without limit was too large');
  return result.kind === 'count' ? okReply(result.affectedRows) : result;
}

/** Statements that change rows and may take long to find which; an INSERT of many VALUES is not looked at so closely. */
const CHANGES_BY_SELECT = /^[^a-z]*(insert|replace|update|delete)\b[\s\S]*\bselect\b/i;
/** Statements that only read unless they are a WITH before something else; SQLite tells when it has compiled them. */
const READS: ReadonlySet<string> = new Set(['SELECT', 'VALUES', 'WITH']);
const WRITES = /^[^a-z]*with\b[\s\S]*\b(insert|update|delete|replace)\b/i;
/** How the names of tables begin that are filled just before they are read; most statements need no closer look. */
const FILLED_ON_DEMAND = /stats_|runtime_/i;
const NO_NAMES: ReadonlySet<string> = new Set();

/** A statement that writes finds everything in the tables, however much it is. */
async function allInPlace({ promotion, stats }: AdminContext, names: ReadonlySet<string>): Promise<Sources> {
  const runtime = await promotion.runtimeContents(names);
  return { runtime, stats: await stats.collect(names), large: [] };
}

interface RunOptions {
  readonly rights: AdminRights;
  readonly parameters: readonly SqlParameter[] | undefined;
  readonly sources: Sources;
  /** It may be found too large. */
  readonly limited: boolean;
}

/** In one turn of the event loop: what is put into the tables is what the statement sees. */
function runHere(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  { rights, parameters, sources, limited }: RunOptions,
): SqlResult {
  const { db } = context;
  const statsSchema = statsSchemaOf(session);
  const judge = judgeOf(rights, sources.large, statsSchema);
  const onlySmall = limited ? { rowsMax: smallReadRowsMax, judge } : undefined;
  if (session.role === 'stats') {
    fillStats(db.statsView, statsSchema, sources.stats);
    return executeSql(db.statsView, sql, { readOnly: true, parameters, onlySmall });
  }
  writeTables(db.handle, sources.runtime);
  fillStats(db.handle, statsSchema, sources.stats);
  const readOnly = isReadOnly(context) || rights === 'read-only';
  return executeSql(db.handle, sql, { readOnly, guard: guardOf(rights, db.isOwnTable), parameters, onlySmall });
}

/** Stats accounts see the statistics as their main schema. */
function statsSchemaOf(session: SessionContext): 'main' | 'stats' {
  return session.role === 'stats' ? 'main' : 'stats';
}

function judgeOf(
  rights: AdminRights,
  large: readonly LargeSource[],
  statsSchema: string,
): NonNullable<ExecuteOptions['onlySmall']>['judge'] {
  const isElsewhere = ({ schema, table }: Place): boolean =>
    large.some(
      (source) => source.name === table && schema === (source.schema === 'stats' ? statsSchema : source.schema),
    );
  const isAlsoVisited = (place: Place): boolean => rights === 'read-only' && holdsSecrets(place);
  return (db, statement) => judgeCost(db, statement, { isElsewhere, isAlsoVisited });
}

/** admin-read_only, as it is in force. */
export function isReadOnly(context: AdminContext): boolean {
  return context.promotion.adminVariables.read_only === 'true';
}
