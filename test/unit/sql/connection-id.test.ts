import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withConnectionId } from '../../../src/sql/connection-id.ts';

const sent = (text: string): string | undefined => withConnectionId(Buffer.from(text, 'latin1'), 7)?.toString('latin1');

describe('withConnectionId', () => {
  it('says the number where an item is CONNECTION_ID(), under the name the server would give', () => {
    const seven = 'CAST(7 AS UNSIGNED)';
    const cases: readonly (readonly [string, string])[] = [
      ['SELECT CONNECTION_ID(), VERSION(), @@x', `SELECT ${seven} AS \`CONNECTION_ID()\`, VERSION(), @@x`],
      ['select 1,connection_Id ( ) ;', `select 1,${seven} AS \`connection_Id ( )\` ;`],
      ['/* a */ SELECT DISTINCT CONNECTION_ID() AS x, 2', `/* a */ SELECT DISTINCT ${seven} AS x, 2`],
      ["SELECT CONNECTION_ID() x, CONNECTION_ID() 'y', 'a''b'", `SELECT ${seven} x, ${seven} 'y', 'a''b'`],
      ['SELECT f(1, 2), CONNECTION_ID() as `a b` LIMIT 1', `SELECT f(1, 2), ${seven} as \`a b\` LIMIT 1`],
      ['SELECT CONNECTION_ID() FROM DUAL -- c', `SELECT ${seven} AS \`CONNECTION_ID()\` FROM DUAL -- c`],
      ['SELECT (SELECT 1 FROM t), CONNECTION_ID()', `SELECT (SELECT 1 FROM t), ${seven} AS \`CONNECTION_ID()\``],
      ['SELECT CONNECTION_ID() + 1, CONNECTION_ID() a', `SELECT CONNECTION_ID() + 1, ${seven} a`],
    ];
    for (const [text, wanted] of cases) assert.equal(sent(text), wanted);
  });

  it('leaves everything else alone', () => {
    for (const text of [
      'SELECT CONNECTION_ID() + 0',
      'SELECT -CONNECTION_ID(), CONNECTION_ID() DIV 2',
      "SELECT ', CONNECTION_ID(), ' /* , CONNECTION_ID() */ # , CONNECTION_ID()",
      'SELECT (SELECT CONNECTION_ID()), f(1, CONNECTION_ID(), 2)',
      'SELECT a.CONNECTION_ID(), `CONNECTION_ID`(), CONNECTION_ID(1)',
      'SELECT CONNECTION_ID/*! () */, 1',
      "SELECT CONNECTION_ID(), 'a\\', CONNECTION_ID(), '",
      'SELECT CONNECTION_ID() /*!80000 + 1 */',
      'SELECT CONNECTION_ID(), id FROM information_schema.processlist',
      `SELECT CONNECTION_ID(${' '.repeat(60)})`,
      'SELECT CONNECTION_ID() AS, 1',
      'SELECT CONNECTION_ID(',
      'SELECT',
      'VALUES (CONNECTION_ID())',
    ])
      assert.equal(sent(text), undefined, text);
  });
});
