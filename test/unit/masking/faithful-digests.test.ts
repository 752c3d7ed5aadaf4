/**
 * A verdict that rests on a statement's names is kept with its digest: so the digest has to tell these names, whatever the
 * reading of quotes and backslashes.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readingOf } from '../../../src/masking/charset.ts';
import { Kind, Lexer, type LexerMode, SEMICOLON } from '../../../src/masking/lexer.ts';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer, type DigestOptions } from '../../../src/sql/digest.ts';
import { fc } from '../../helpers/properties.ts';
import { fragments } from '../sql/sql-fragments.ts';

const QUESTION = 0x3f;

const reading = readingOf('utf8mb4')!;
const MODES: readonly LexerMode[] = [false, true].flatMap((mariadb) =>
  [false, true].flatMap((ansiQuotes) =>
    [false, true].map((backslashEscapes) => ({
      ansiQuotes,
      backslashEscapes,
      mariadb,
      version: mariadb ? 101_119 : 90_700,
      reading,
    })),
  ),
);

/** Words and names in their order, and where statements end, but for those `without` and what introduces a literal. */
function names(text: Uint8Array, mode: LexerMode, without: string): string[] {
  const found: string[] = [];
  const lexer = new Lexer(text, mode);
  for (let kind = lexer.next(); kind !== Kind.END; kind = lexer.next()) {
    const token = Buffer.from(text.subarray(lexer.tokenStart, lexer.tokenEnd)).toString('latin1');
    if (/^[nxb]$/i.test(token) && text[lexer.tokenEnd] === QUESTION) continue;
    if (kind === SEMICOLON) found.push(';');
    else if (kind === Kind.NAME) found.push(token.slice(1, -1).toLowerCase());
    else if (kind === Kind.WORD && token.toLowerCase() !== without) found.push(token.toLowerCase());
  }
  while (found.at(-1) === ';') found.pop();
  return found;
}

function faithfulDigest(computer: DigestComputer, text: Buffer): Buffer | undefined {
  computer.compute(text, 0, text.length);
  const digest = Buffer.from(computer.output.subarray(0, computer.length));
  return computer.faithful && digest.every((byte) => byte >= 0x20 && byte < 0x7f) ? digest : undefined;
}

const OPTIONS: readonly DigestOptions[] = [
  DEFAULT_DIGEST_OPTIONS,
  { ...DEFAULT_DIGEST_OPTIONS, lowercase: true, replaceNull: true, groupingLimit: 1, groupsGroupingLimit: 1 },
  { ...DEFAULT_DIGEST_OPTIONS, noDigits: true, keepComment: true },
];

describe('digests that are faithful', () => {
  test('tell all names of a statement and their order, in every way to read quotes', () => {
    const computers = OPTIONS.map((options) => new DigestComputer(options));
    let faithful = 0;
    fc.assert(
      fc.property(fragments(), (sql) => {
        const text = Buffer.from(sql);
        for (const computer of computers) {
          const digest = faithfulDigest(computer, text);
          if (digest === undefined) continue;
          faithful += 1;
          for (const mode of MODES) {
            const without = computer === computers[1] ? 'null' : '';
            assert.deepEqual(names(digest, mode, without), names(text, mode, without));
          }
        }
      }),
      {
        numRuns: Number(process.env.SLUICE_FUZZ_RUNS ?? 3000),
        ...(process.env.SLUICE_FUZZ_SEED === undefined ? {} : { seed: Number(process.env.SLUICE_FUZZ_SEED) }),
      },
    );
    assert.ok(faithful > 100, `only ${faithful} of the texts were faithful`);
  });
});
