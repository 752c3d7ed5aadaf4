/**
 * Reads the tables in test/golden: {comment, sql, expect} per line, which anyone may add a line to.
 */
import { readFileSync } from 'node:fs';

export interface GoldenCase<Expect, Options = never> {
  readonly comment: string;
  readonly sql: string;
  readonly options?: Options;
  /** Of the text's bytes; utf8 unless told. */
  readonly encoding?: 'latin1';
  readonly expect: Expect;
}

/** The cases of test/golden/NAME.json. Tests run from the repository's root. */
export function readGolden<Expect, Options = never>(name: string): GoldenCase<Expect, Options>[] {
  return JSON.parse(readFileSync(`test/golden/${name}.json`, 'utf8')) as GoldenCase<Expect, Options>[];
}
