/**
 * Which names lead to protected columns: the tables themselves, views, routines and triggers that depend on them,
 * through any number of steps. Conservative: names are compared without their schema, and what may not be seen counts.
 */

import type { Catalog, CatalogRoutine, CatalogTrigger } from './catalog.ts';
import { tableKey } from './catalog.ts';
import { readingOf, type TextReading } from './charset.ts';
import { type ConfirmingWrites, confirmingWritesOf } from './confirming-writes.ts';
import { fold } from './identifiers.ts';
import { DOT, Kind } from './lexer.ts';
import type { CompiledPolicy } from './policy.ts';
import { CLOSE, OPEN, STAR } from './token-cursor.ts';
import { Tokens } from './tokens.ts';

export interface Dependents {
  /** Folded names of everything a statement must name to get at a protected column. */
  readonly names: ReadonlySet<string>;
  /** Keys of views that have to be looked into. */
  readonly views: ReadonlySet<string>;
  readonly routineDepends: (routine: CatalogRoutine) => boolean;
  /** A trigger of the table depends on protected columns. */
  readonly triggers: ReadonlySet<string>;
  readonly confirming: ConfirmingWrites;
  /** Keys of views through which columns may be written that a constraint compares with protected ones. */
  readonly confirmingViews: ReadonlySet<string>;
}

/** Texts from a catalog are UTF-8. */
export const CATALOG_READING = readingOf('utf8mb4') as TextReading;

interface Body {
  readonly words: ReadonlySet<string>;
  /** Builds statements from text. */
  readonly dynamic: boolean;
  /** Reads columns without naming them. */
  readonly wholesale: boolean;
}

const DYNAMIC_WORDS = ['prepare', 'execute'];
const WHOLESALE_WORDS = ['natural', 'handler', 'table'];

/** Milliseconds for thousands of views and routines; done once per policy and catalog. */
export function dependentsOf(policy: CompiledPolicy, catalog: Catalog): Dependents {
  const tables = new Set<string>();
  const columns = new Set<string>();
  for (const pattern of policy.columns) {
    if (!pattern.table.includes('%')) tables.add(fold(pattern.table));
    if (!pattern.column.includes('%')) columns.add(fold(pattern.column));
  }
  for (const table of catalog.tables) {
    if (!policy.touchesTable(table.schema, table.name)) continue;
    for (const column of [...table.columns, ...(table.invisible ?? [])]) {
      if (policy.protects(table.schema, table.name, column) < 0) continue;
      tables.add(fold(table.name));
      columns.add(fold(column));
    }
  }
  const opaqueColumns = policy.columns.some(({ column }) => column.includes('%'));
  /** Views and functions: whoever names them may get at a protected column by any name. */
  const relays = new Set<string>();
  const reaches = (body: Body | undefined, onProtected = false): boolean => {
    if (body === undefined || body.dynamic || meets(body.words, relays)) return true;
    if (!onProtected && !meets(body.words, tables)) return false;
    return body.wholesale || opaqueColumns || meets(body.words, columns);
  };

  const views = catalog.tables.filter((table) => table.view !== undefined);
  const bodies = new Map<object, Body | undefined>();
  for (const view of views) bodies.set(view, bodyOf(view.view?.definition));
  for (const routine of catalog.routines) bodies.set(routine, bodyOf(routine.body));
  const dependentViews = new Set<string>();
  const dependentRoutines = new Set<CatalogRoutine>();
  for (let before = -1; before !== relays.size; ) {
    before = relays.size;
    for (const view of views) {
      const own = policy.touchesTable(view.schema, view.name);
      if (!own && !reaches(bodies.get(view))) continue;
      dependentViews.add(tableKey(view.schema, view.name));
      relays.add(fold(view.name));
    }
    for (const routine of catalog.routines) {
      if (!reaches(bodies.get(routine))) continue;
      dependentRoutines.add(routine);
      relays.add(fold(routine.name));
    }
  }
  const triggers = new Set<string>();
  for (const trigger of catalog.triggers) {
    if (reaches(bodyOf(trigger.body), touchesProtected(policy, trigger))) {
      triggers.add(tableKey(trigger.schema, trigger.table));
    }
  }
  const names = new Set([...tables, ...relays]);
  for (const trigger of catalog.triggers) {
    if (triggers.has(tableKey(trigger.schema, trigger.table))) names.add(fold(trigger.table));
  }
  const confirming = confirmingWritesOf(policy, catalog);
  const confirmingViews = new Set<string>();
  const throughNames = new Set(confirming.tables);
  for (let before = -1; before !== throughNames.size; ) {
    before = throughNames.size;
    for (const view of views) {
      const body = bodies.get(view);
      if (throughNames.size === 0 || (body !== undefined && !meets(body.words, throughNames))) continue;
      confirmingViews.add(tableKey(view.schema, view.name));
      throughNames.add(fold(view.name));
    }
  }
  for (const name of throughNames) names.add(name);
  return {
    names,
    confirming,
    confirmingViews,
    views: dependentViews,
    routineDepends: (routine) => dependentRoutines.has(routine),
    triggers,
  };
}

function touchesProtected(policy: CompiledPolicy, trigger: CatalogTrigger): boolean {
  return policy.touchesTable(trigger.schema, trigger.table);
}

/** Undefined for a text that may not be seen. Names in double quotes count as names. */
function bodyOf(text: string | undefined): Body | undefined {
  if (text === undefined || text === '') return undefined;
  const words = new Set<string>();
  let wholesale = false;
  for (const ansiQuotes of text.includes('"') ? [false, true] : [false]) {
    const tokens = new Tokens(Buffer.from(text), {
      ansiQuotes,
      backslashEscapes: !ansiQuotes,
      mariadb: true,
      version: undefined,
      reading: CATALOG_READING,
    });
    for (let i = 0; i < tokens.count; i += 1) {
      const kind = tokens.kind(i);
      if (kind === Kind.ERROR && !ansiQuotes) return undefined;
      if (kind === Kind.WORD || kind === Kind.NAME) words.add(tokens.foldedName(i) ?? '');
      // count(*) reads no column; any other star might.
      if (kind === STAR && !(tokens.kind(i - 1) === OPEN && tokens.kind(i + 1) === CLOSE)) {
        const before = tokens.kind(i - 1);
        wholesale ||= before === DOT || before === Kind.WORD || before === 0x2c;
      }
    }
    if (tokens.ambiguous) wholesale = true;
  }
  return {
    words,
    dynamic: DYNAMIC_WORDS.some((word) => words.has(word)),
    wholesale: wholesale || WHOLESALE_WORDS.some((word) => words.has(word)),
  };
}

function meets(words: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  const [few, many] = words.size < others.size ? [words, others] : [others, words];
  for (const word of few) if (many.has(word)) return true;
  return false;
}
