/**
 * The documents that list things are compared with the things: errors of the proxy, limits with a name.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { VARIABLES, variablesOf } from '../../admin/variables/spec.ts';
import { SLUICE_VARIABLES, type SluiceVariableName } from '../../runtime/sluice-variables.ts';
import type { VariableSpec } from '../../runtime/variable-spec.ts';
import { errors, type ProtocolError } from '../../src/protocol/errors.ts';
import { repositoryRoot } from '../helpers/repository.ts';

const LIMIT =
  /^export const (\w*(?:Max|MAX|Min|MIN|Ms|MS|Bytes|BYTES|Backlog)|DEFAULT_MAX_CONNECTIONS)(?:: \w+)? = ([\d_x* +]+);/gm;
/** Sizes that the protocol fixes are no limits of ours. */
const NO_LIMITS = new Set(['HEADER_BYTES', 'MAX_FRAME_BYTES', 'NONCE_BYTES', 'SSL_REQUEST_BYTES']);

describe('documents', () => {
  test('OPERATIONS.md lists every sluice- variable with its default, what it accepts and what it is for', () => {
    const wanted = variablesOf('sluice-').map(({ name, shortName, defaultText, spec }) =>
      [name, defaultText, accepted(spec), SLUICE_VARIABLES[shortName as SluiceVariableName].description].join(' | '),
    );
    const listed = rows('OPERATIONS.md')
      .filter(([name = '']) => name.startsWith('`sluice-'))
      .map((cells) => [plain(cells[0] ?? ''), ...cells.slice(1)].join(' | '));
    assert.deepEqual(listed, wanted);
  });

  test('OPERATIONS.md lists every variable without effect', () => {
    const text = readFileSync(join(repositoryRoot, 'docs', 'OPERATIONS.md'), 'utf8');
    const [, section = ''] = /^## Variables without effect\n([\s\S]*?)^## /m.exec(text) ?? [];
    const listed = [...section.matchAll(/`((?:mysql|admin)-\w+)`/g)].map(([, name = '']) => name);
    const wanted = VARIABLES.filter(({ spec }) => spec.effect === 'none').map(({ name }) => name);
    assert.deepEqual(listed.sort(), wanted.sort());
  });

  test('ERRORS.md lists every error of the proxy, to the letter', () => {
    const wanted = Object.entries(errors).map(([name, make]) => {
      const { code, sqlState, message } = sample(make as (...args: unknown[]) => ProtocolError);
      return `${name} | ${code} | ${sqlState} | ${message}`;
    });
    const listed = rows('ERRORS.md').map((cells) => cells.slice(0, 4).map(plain).join(' | '));
    assert.deepEqual(listed.sort(), wanted.sort());
  });

  test('OPERATIONS.md lists every limit with its default and its place', () => {
    const wanted = ['src', 'admin', 'runtime'].flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => limitsOf(posix.join(folder, name))),
    );
    const listed = rows('OPERATIONS.md')
      .map((cells) => cells.slice(0, 3).map(plain))
      .filter(([, , path = '']) => path.endsWith('.ts'))
      .map((cells) => cells.join(' | '));
    assert.ok(wanted.length > 30);
    assert.deepEqual(listed.sort(), wanted.sort());
  });
});

/** As the third column of the table says it. */
function accepted(spec: VariableSpec): string {
  if (spec.type === 'bool') return 'true, false';
  if (spec.type === 'int') return `${spec.min}..${spec.max}`;
  return spec.accepts.kind === 'one-of' ? spec.accepts.values.join(', ') : spec.accepts.kind;
}

function limitsOf(path: string): string[] {
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  return [...text.matchAll(LIMIT)]
    .filter(([, name = '']) => !NO_LIMITS.has(name))
    .map(([, name, value]) => `${name} | ${value} | ${path}`);
}

/** Made with the names of the arguments in their places. */
function sample(make: (...args: unknown[]) => ProtocolError): ProtocolError {
  const names = /^\(([^)]*)\)/.exec(make.toString())?.[1]?.split(',') ?? [];
  return make(...names.map((name) => name.trim()).map((name) => (name.endsWith('Ms') ? 10_000 : `{${name}}`)));
}

/** Cells of the rows of a document's tables, the header's left out. */
function rows(document: string): string[][] {
  return readFileSync(join(repositoryRoot, 'docs', document), 'utf8')
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| /, '').replace(/ \|$/, '')));
}

function plain(cell: string): string {
  return cell.trim().replace(/^`|`$/g, '');
}
