/**
 * A config file on disk: reading it whole, and its single settings. What sections mean is read-sections.ts.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { SourceReader } from './libconfig-lexer.ts';
import { type Parsed, parseConfig } from './libconfig-parser.ts';
import { type ConfigProblem, formatConfigProblem, type Group } from './syntax.ts';

/** Largest file that is read, included files each. */
export const CONFIG_FILE_BYTES_MAX = 64 * 1024 * 1024;

export interface ConfigFile {
  readonly path: string;
  /** Reads it afresh. A file with any syntax error is refused as a whole; `error` is its first, with file and line. */
  read(): { readonly root: Group } | { readonly error: string };
}

/** Settings outside of the sections; those the file does not have are undefined. */
export interface TopLevelSettings {
  readonly datadir: string | undefined;
  readonly errorlog: string | undefined;
  readonly pidfile: string | undefined;
  readonly uuid: string | undefined;
}

const FILES: SourceReader = {
  read(path) {
    try {
      if (statSync(path).size > CONFIG_FILE_BYTES_MAX)
        return { error: `it is larger than ${CONFIG_FILE_BYTES_MAX} bytes` };
      return { text: readFileSync(path, 'utf8') };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  },
  resolve: (from, included) => resolve(dirname(from), included),
};

/** Parses a file on disk; going on after errors. */
export function parseConfigFile(path: string): Parsed {
  return parseConfig(path, FILES);
}

export function openConfigFile(path: string): ConfigFile {
  return {
    path,
    read() {
      const { root, problems } = parseConfigFile(path);
      const [first] = sortProblems(problems);
      return first === undefined ? { root } : { error: formatConfigProblem(first) };
    },
  };
}

export function readTopLevelSettings(root: Group): TopLevelSettings {
  const text = (name: string): string | undefined => {
    const value = root.settings.find((setting) => setting.name === name)?.value;
    return value?.kind === 'string' ? value.value : undefined;
  };
  return { datadir: text('datadir'), errorlog: text('errorlog'), pidfile: text('pidfile'), uuid: text('uuid') };
}

/** By file, in the order in which files first have a problem, then by line and column. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return [...problems].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
