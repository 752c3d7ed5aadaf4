/**
 * Many rows for the admin port, as a script of an operator would send them: multi-row INSERTs of up to a megabyte each.
 */

/** Bytes of one statement; clients and scripts seldom dare more. */
const STATEMENT_BYTES = 1_000_000;

/** INSERT statements with these rows, each row a text such as `('a',1)`. */
export function bulkInserts(table: string, columns: string, rows: Iterable<string>): string[] {
  const head = `INSERT INTO ${table} (${columns}) VALUES `;
  const statements: string[] = [];
  let pieces: string[] = [];
  let bytes = head.length;
  for (const row of rows) {
    if (bytes + row.length + 1 > STATEMENT_BYTES) {
      statements.push(head + pieces.join(','));
      pieces = [];
      bytes = head.length;
    }
    pieces.push(row);
    bytes += row.length + 1;
  }
  if (pieces.length > 0) statements.push(head + pieces.join(','));
  return statements;
}

/** Users `bulk0` … with a hashed password each, spread over ten hostgroups. */
export function* userRows(count: number, quote = "'"): Generator<string> {
  for (let i = 0; i < count; i += 1) {
    const hash = (i * 2_654_435_761).toString(16).toUpperCase().padStart(40, 'A');
    yield `(${quote}bulk${i}${quote},${quote}*${hash}${quote},${i % 10})`;
  }
}

/** Fast routing of users to schemas. */
export function* fastRoutingRows(count: number): Generator<string> {
  for (let i = 0; i < count; i += 1) yield `('bulk${i}','shop${i % 100}',0,${i % 10},'')`;
}
