/**
 * The map is a test: who may import whom, where packages live, no cycles, no default exports, readable golden data.
 * It reads source texts only; style is the linter's business.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../helpers/repository.ts';

interface Import {
  /** Path from the repository's root, or the name of a package. */
  readonly target: string;
  readonly local: boolean;
  readonly typeOnly: boolean;
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = ['src', 'admin', 'runtime', 'demo', 'test', 'bench'].flatMap(sourcesBelow);
const productFiles = files.filter((file) => /^(src|admin|runtime)\//.test(file.path));

/** Folders (or files) below `src` that a folder of `src` may import besides itself; folders not named are free. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'src/util': [],
  'src/protocol': ['src/util'],
  'src/auth': ['src/util', 'src/protocol'],
  'src/connection-phase': ['src/util', 'src/protocol', 'src/auth', 'src/net/bare-socket.ts'],
  'src/sql': ['src/util'],
  'src/rules': ['src/util', 'src/sql', 'src/gtid/gtid-set.ts', 'runtime/snapshot.ts'],
  'src/masking': ['src/util', 'src/protocol', 'src/sql', 'runtime/snapshot.ts'],
  'src/masks': ['src/util', 'src/protocol', 'src/rules'],
  'src/gtid': ['src/util', 'runtime/snapshot.ts', 'runtime/stats.ts'],
  'src/embedded': ['src/util', 'src/protocol', 'src/auth', 'src/connection-phase', 'src/net', 'src/sql', 'src/observe'],
  admin: [
    'runtime',
    'src/util',
    'src/protocol',
    'src/auth',
    'src/connection-phase',
    'src/net',
    'src/sql',
    'src/observe',
    // Pure: tells at LOAD which patterns cannot be compiled.
    'src/rules/compile.ts',
    // Pure: tells at LOAD which masks cannot be used.
    'src/masks/mask-spec.ts',
  ],
  runtime: ['src/util', 'src/observe'],
};

/** Folders that compute and nothing else. */
const PURE = ['src/protocol', 'src/sql', 'src/rules', 'src/auth', 'src/masking', 'src/masks'];
const IMPURE_MODULES =
  /^(pino|node:(net|tls|fs|fs\/promises|timers|timers\/promises|process|child_process|cluster|http|https|dns|os|worker_threads))$/;
/** Moves the matching of expensive patterns to a thread; the one file of a pure folder that owns something alive. */
const IMPURE_FILES = /^src\/rules\/matcher-thread[^/]*\.ts$/;

/** Where a package may be imported; `typesIn` only with `import type`. */
const PACKAGE_HOMES: Readonly<Record<string, { readonly values: RegExp; readonly types?: RegExp }>> = {
  'better-sqlite3': { values: /^(admin\/db|src\/embedded|test)\//, types: /^admin\// },
  commander: { values: /^src\/cli\.ts$/ },
  pino: { values: /^src\/observe\/logger\.ts$/ },
  'node-sql-parser': { values: /^src\/sql\/ast\.ts$/ },
  mysql2: { values: /^(src\/console|runtime\/monitor|admin\/cluster|test|bench|demo)\// },
  '@hpcc-js/wasm-zstd': { values: /^(src\/net|test)\// },
  '@peculiar/x509': { values: /^(src\/net|test)\// },
  'reflect-metadata': { values: /^src\/net\// },
  'fast-check': { values: /^test\/helpers\/properties\.ts$/ },
  'prom-client': { values: /^admin\/prometheus\// },
  mitata: { values: /^bench\// },
};

describe('architecture', () => {
  test('the sources are there to be looked at', () => {
    assert.ok(productFiles.length > 0);
    for (const file of files) {
      for (const { target, local } of file.imports) {
        if (local)
          assert.ok(existsSync(join(repositoryRoot, target)), `${file.path} imports ${target}, which is missing`);
      }
    }
  });

  test('imports follow the arrows', () => {
    const wrong: string[] = [];
    for (const file of productFiles) {
      const [folder, allowed] = Object.entries(ARROWS).find(([name]) => isBelow(file.path, name)) ?? [];
      if (folder === undefined || allowed === undefined) continue;
      for (const { target, local } of file.imports) {
        if (!local || isBelow(target, folder)) continue;
        if (!allowed.some((name) => isBelow(target, name))) wrong.push(`${file.path} -> ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test('the data plane never imports the admin plane', () => {
    const wrong = importsOf(
      (path) => path.startsWith('src/') && path !== 'src/main.ts',
      (target) => target.startsWith('admin/'),
    );
    assert.deepEqual(wrong, []);
  });

  test('backend connections know nothing of sessions and clients', () => {
    const wrong = importsOf(
      (path) => path.startsWith('src/backend/'),
      (target) => /^src\/(session|frontend)\//.test(target),
    );
    assert.deepEqual(wrong, []);
  });

  test('only src/main.ts puts the three planes together', () => {
    const together = productFiles.filter((file) => {
      const planes = new Set(
        file.imports.filter(({ local, typeOnly }) => local && !typeOnly).map(({ target }) => target.split('/')[0]),
      );
      if (file.path.startsWith('src/')) planes.add('src');
      return planes.has('src') && planes.has('admin') && planes.has('runtime');
    });
    const names = together.map((file) => file.path).filter((path) => !path.startsWith('admin/'));
    assert.deepEqual(
      names.filter((path) => path !== 'src/main.ts'),
      [],
    );
  });

  test('rules take types alone from the snapshot', () => {
    const wrong = productFiles
      .filter((file) => file.path.startsWith('src/rules/'))
      .flatMap((file) => file.imports.filter((i) => i.local && i.target.startsWith('runtime/') && !i.typeOnly));
    assert.deepEqual(wrong, []);
  });

  test('pure folders own no socket, file, timer or process', () => {
    const wrong: string[] = [];
    for (const file of productFiles) {
      if (!PURE.some((folder) => isBelow(file.path, folder)) || IMPURE_FILES.test(file.path)) continue;
      for (const { target, typeOnly } of file.imports) {
        if (!typeOnly && IMPURE_MODULES.test(target)) wrong.push(`${file.path} -> ${target}`);
      }
      const used = /\b(process\.\w+|setTimeout\(|setInterval\()/.exec(withoutComments(file.text));
      if (used !== null) wrong.push(`${file.path} uses ${used[0]}`);
    }
    assert.deepEqual(wrong, []);
  });

  test('each package lives where it belongs', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const { target, local, typeOnly } of file.imports) {
        if (local || target.startsWith('node:')) continue;
        const home = PACKAGE_HOMES[packageOf(target)];
        const welcome = home?.values.test(file.path) || (typeOnly && home?.types?.test(file.path));
        if (!welcome) wrong.push(`${file.path} -> ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test('there are no import cycles', () => {
    assert.deepEqual(cyclesOf(files), []);
  });

  test('nothing is exported as default', () => {
    const wrong = files.filter((file) =>
      /^\s*export\s+(default\b|\{[^}]*\bas\s+default\b)/m.test(withoutComments(file.text)),
    );
    assert.deepEqual(
      wrong.map((file) => file.path),
      [],
    );
  });

  test('every file of the product says at its top what it owns', () => {
    const silent = productFiles.filter((file) => !/^(#![^\n]*\n)?\s*(\/\*\*|\/\/)/.test(file.text));
    assert.deepEqual(
      silent.map((file) => file.path),
      [],
    );
  });

  test('the product does not know the workplace it was built in', () => {
    const wrong = productFiles.filter((file) => /\.\.\/shared|\/work\/|SLUICE_GOLDEN/.test(file.text));
    assert.deepEqual(
      wrong.map((file) => file.path),
      [],
    );
  });

  test('every proof that COMPATIBILITY.md names exists', () => {
    const text = readFileSync(join(repositoryRoot, 'docs', 'COMPATIBILITY.md'), 'utf8');
    const rows = text.split('\n').filter((line) => /\|\s*(yes|more|partly)\s*\|/.test(line));
    assert.ok(rows.length > 20);
    for (const row of rows) {
      const proofs = [...(row.split('|').at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
      assert.ok(proofs.length > 0, `no proof: ${row}`);
      for (const path of proofs) assert.ok(existsSync(join(repositoryRoot, 'test', path)), `missing: ${path}`);
    }
  });

  test('golden data is readable: one case a line', () => {
    const folder = join(repositoryRoot, 'test', 'golden');
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
    for (const name of names) {
      const text = readFileSync(join(folder, name), 'utf8');
      const content: unknown = JSON.parse(text);
      const cases = Array.isArray(content) ? content : Object.values(content as object).find(Array.isArray);
      assert.ok(Array.isArray(cases) && cases.length > 0, `${name} holds no list of cases`);
      assert.ok(text.split('\n').length >= cases.length, `${name} has several cases on a line`);
    }
  });
});

function sourcesBelow(folder: string): SourceFile[] {
  const absolute = join(repositoryRoot, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => readSource(posix.join(folder, name)));
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  return { path, text, imports: importsIn(path, withoutComments(text)) };
}

/** Static imports, re-exports and dynamic imports with a literal name. */
function importsIn(path: string, text: string): Import[] {
  const found: Import[] = [];
  const statics = /^\s*(?:import|export)\s+(type\s+)?(?:([\w*$\s,{}]+?)\s+from\s+)?'([^']+)'/gm;
  for (const [, type, clause, name = ''] of text.matchAll(statics)) {
    found.push(resolveImport(path, name, type !== undefined || namesTypesOnly(clause)));
  }
  for (const [, name = ''] of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) {
    found.push(resolveImport(path, name, false));
  }
  return found;
}

/** `{ type A, type B }` is erased like `import type`. */
function namesTypesOnly(clause: string | undefined): boolean {
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause ?? '')?.[1];
  return names?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ?? false;
}

function resolveImport(from: string, name: string, typeOnly: boolean): Import {
  const local = name.startsWith('.');
  return { target: local ? posix.join(dirname(from), name) : name, local, typeOnly };
}

/** Good enough for import lines: comments go, strings that hold comment marks are cut short and matter to no check. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/[^\n]*/g, '$1');
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

function importsOf(from: (path: string) => boolean, to: (target: string) => boolean): string[] {
  return productFiles
    .filter((file) => from(file.path))
    .flatMap((file) => file.imports.filter((i) => i.local && to(i.target)).map((i) => `${file.path} -> ${i.target}`));
}

/** Cycles among imports that exist at run time; an erased `import type` binds nothing. */
function cyclesOf(sources: readonly SourceFile[]): string[] {
  const targets = new Map(
    sources.map((file) => [file.path, file.imports.filter((i) => i.local && !i.typeOnly).map((i) => i.target)]),
  );
  const finished = new Set<string>();
  const trail: string[] = [];
  const cycles: string[] = [];
  const visit = (path: string): void => {
    if (finished.has(path)) return;
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      cycles.push([...trail.slice(seenAt), path].join(' -> '));
      return;
    }
    trail.push(path);
    for (const target of targets.get(path) ?? []) visit(target);
    trail.pop();
    finished.add(path);
  };
  for (const path of targets.keys()) visit(path);
  return cycles;
}
