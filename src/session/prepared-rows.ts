/**
 * stats_mysql_prepared_statements_info: which statements clients of this worker have prepared, and on how many backend
 * connections. Counted when somebody asks; a statement keeps its number as long as anybody has it.
 */
import type { PreparedStatementRow } from '../../runtime/stats.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import { formatDigest, spookyHash64 } from '../sql/spooky-hash.ts';
import type { Session } from './session.ts';

type Row = { -readonly [Column in keyof PreparedStatementRow]: PreparedStatementRow[Column] };

export class PreparedRows {
  #numbers = new Map<string, number>();
  #lastNumber = 0;

  rows(sessions: Iterable<Session>, free: Iterable<BackendConnection>): PreparedStatementRow[] {
    const rows = new Map<string, Row>();
    const onServers = new Map<string, number>();
    for (const connection of free) countTexts(connection, onServers);
    for (const session of sessions) {
      for (const connection of session.leases.held) countTexts(connection, onServers);
      const { username } = session.user;
      for (const { schema, text, originalText, columnCount, paramCount } of session.statements) {
        const query = originalText.toString('latin1');
        const key = `${username}\0${schema}\0${query}`;
        const row = rows.get(key);
        if (row !== undefined) row.refCountClient += 1;
        else
          rows.set(key, {
            globalStmtId: this.#numberOf(key),
            schemaname: schema,
            username,
            digest: hashOf(username, schema, query),
            refCountClient: 1,
            refCountServer: onServers.get(text.toString('latin1')) ?? 0,
            numColumns: columnCount,
            numParams: paramCount,
            query: originalText.toString('utf8'),
          });
      }
    }
    this.#numbers = new Map([...this.#numbers].filter(([key]) => rows.has(key)));
    return [...rows.values()];
  }

  #numberOf(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#lastNumber += 1;
    this.#numbers.set(key, this.#lastNumber);
    return this.#lastNumber;
  }
}

function countTexts(connection: BackendConnection, counts: Map<string, number>): void {
  for (const key of connection.statements.keys()) {
    const text = key.slice(key.indexOf('\0\0') + 2);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
}

/** What ProxySQL shows as digest here is the hash by which it finds a statement again. Source: stmt_compute_hash. */
function hashOf(username: string, schema: string, query: string): string {
  const bytes = Buffer.concat([
    Buffer.from(`${username}-ujhtgf76y576574fhYTRDFwdt-${schema}-8k7jrhtrgJHRgrefgreRFewg6-`),
    Buffer.from(query, 'latin1'),
  ]);
  return formatDigest(spookyHash64(bytes, 0, bytes.length));
}
