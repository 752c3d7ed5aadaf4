/**
 * No statement, however odd or long, may take more than linear time: each of these, at 16 MB, is worth a few hundred
 * milliseconds at the very most, where anything quadratic would take hours.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classify } from '../../../src/sql/classify.ts';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer } from '../../../src/sql/digest.ts';
import { parseKill } from '../../../src/sql/kill-parser.ts';
import { parseSet, SET_TEXT_LENGTH_MAX } from '../../../src/sql/set-parser.ts';
import { parseUse, USE_TEXT_LENGTH_MAX } from '../../../src/sql/use-parser.ts';

const BYTES = 16 * 1024 * 1024;
/** Generous: a busy machine must not fail the test, a quadratic loop must. */
const MILLISECONDS_MAX = 10_000;

const PIECES = [
  ...['(', "'", '"', '`', '/*', '*/', '/*!', '/*!50000 ', '/*!99999 x*/', '/*M!', '#', '--', '-- \n', '\\', "'\\'"],
  ...[
    '@',
    ';',
    '1',
    '1e',
    '1.',
    '-',
    ',',
    '?,',
    '(?,',
    '(1,2,3,4,5),',
    ',...',
    ' ',
    '\0',
    'a',
    'a b ',
    '$$',
    '( 1 , -1 ) ',
  ],
];

function filled(piece: string, prefix = ''): Buffer {
  const buffer = Buffer.alloc(BYTES, piece);
  buffer.write(prefix);
  return buffer;
}

function milliseconds(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

describe('statements of 16 MB', () => {
  const computer = new DigestComputer(DEFAULT_DIGEST_OPTIONS);
  // Fills the digest's buffer but for a few bytes, so that the rest is compressed in very small steps.
  const nearlyFull = `select ${'a,'.repeat(32_488)}`;
  it('are digested in linear time', () => {
    for (const piece of PIECES) {
      for (const prefix of ['', nearlyFull]) {
        const buffer = filled(piece, prefix);
        const took = milliseconds(() => computer.compute(buffer, 0, buffer.length));
        assert.ok(took < MILLISECONDS_MAX, `${JSON.stringify(piece)} took ${took} ms`);
      }
    }
  });

  it('are classified in linear time', () => {
    for (const piece of PIECES) {
      const buffer = filled(piece, 'select ');
      const took = milliseconds(() => classify(buffer, 0, buffer.length));
      assert.ok(took < MILLISECONDS_MAX, `${JSON.stringify(piece)} took ${took} ms`);
    }
  });
});

describe('the small parsers', () => {
  it('take linear time up to their limits, and no longer texts', () => {
    for (const piece of [...PIECES, '/**/', '*', '/***', ' ,', "''"]) {
      const took = milliseconds(() => {
        for (const verb of ['SET ', 'SET a=', 'SET /*']) {
          assert.equal(
            parseSet((verb + piece.repeat(SET_TEXT_LENGTH_MAX)).slice(0, SET_TEXT_LENGTH_MAX)).kind,
            'unknown',
          );
        }
        parseUse(`USE a${piece.repeat(USE_TEXT_LENGTH_MAX)}`.slice(0, USE_TEXT_LENGTH_MAX));
        parseUse(`USE ${piece.repeat(USE_TEXT_LENGTH_MAX)}`.slice(0, USE_TEXT_LENGTH_MAX));
        parseKill(`KILL ${piece.repeat(USE_TEXT_LENGTH_MAX)}`.slice(0, USE_TEXT_LENGTH_MAX), 1);
      });
      assert.ok(took < MILLISECONDS_MAX, `${JSON.stringify(piece)} took ${took} ms`);
    }
    assert.equal(parseSet(`SET autocommit=1${' '.repeat(SET_TEXT_LENGTH_MAX)}`).kind, 'unknown');
    assert.equal(parseUse(`USE a${' '.repeat(USE_TEXT_LENGTH_MAX)}`), undefined);
  });
});
