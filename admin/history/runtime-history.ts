/**
 * What the runtime was made of: for each module the rows of its last LOAD … TO RUNTIME and of those before, as they stood
 * in memory. It copies nothing back; promotion.ts does. It is kept in the process and ends with it.
 */
import type { TableRow } from '../../runtime/build-snapshot.ts';
import { shareRows } from './share-rows.ts';

/** Earlier runtime configurations kept for each module. */
export const RUNTIME_HISTORY_MAX = 10;

/** Rows of a module, by table. The rows of a family of variables are those of global_variables. */
export type ModuleRows = ReadonlyMap<string, readonly TableRow[]>;

export interface HistoryEntry {
  /** Counts the configurations of this module since the start. */
  readonly version: number;
  readonly loadedAtMs: number;
  /** `user@address`, or why it was loaded without anybody asking. */
  readonly loadedBy: string;
  readonly rows: ModuleRows;
}

interface Draft extends HistoryEntry {
  rows: Map<string, TableRow[]>;
}

export interface HistoryOptions {
  readonly nowMs: () => number;
  /** Columns of a table that tell its rows apart. */
  readonly keyColumnsOf: (table: string) => readonly string[];
}

export class RuntimeHistory {
  readonly #options: HistoryOptions;
  /** By module, the newest last. */
  readonly #entries = new Map<string, Draft[]>();
  readonly #versions = new Map<string, number>();
  #sharing: Promise<void> = Promise.resolve();

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Notes what was loaded. A configuration that equals the one before is that one: it is found out later, in slices. */
  loaded(module: string, rows: ModuleRows, loadedBy: string): void {
    const version = (this.#versions.get(module) ?? 0) + 1;
    this.#versions.set(module, version);
    const copy = new Map([...rows].map(([table, list]) => [table, [...list]]));
    const draft: Draft = { version, loadedAtMs: this.#options.nowMs(), loadedBy, rows: copy };
    const entries = this.#entries.get(module) ?? [];
    this.#entries.set(module, entries);
    const before = entries.at(-1);
    entries.push(draft);
    if (before !== undefined) {
      // What is too old goes only then: a LOAD that changed nothing pushes nothing out.
      this.#sharing = this.#sharing.then(() => this.#share(entries, before, draft)).then(() => trim(entries));
    }
  }

  /** The runtime is what it was, but memory has it in other rows now (SAVE … FROM RUNTIME). */
  rewritten(module: string, rows: ModuleRows): void {
    const newest = this.#entries.get(module)?.at(-1);
    if (newest !== undefined) newest.rows = new Map([...rows].map(([table, list]) => [table, [...list]]));
  }

  /** The newest first: what is in force, then those before. */
  list(module: string): readonly HistoryEntry[] {
    return [...(this.#entries.get(module) ?? [])].reverse();
  }

  find(module: string, version: number): HistoryEntry | undefined {
    return this.#entries.get(module)?.find((entry) => entry.version === version);
  }

  /** Rows of the last LOAD; none before the first. */
  inForce(module: string): ModuleRows {
    return this.#entries.get(module)?.at(-1)?.rows ?? new Map();
  }

  /** Resolves when what was noted so far shares its rows. */
  settled(): Promise<void> {
    return this.#sharing;
  }

  async #share(entries: Draft[], before: Draft, draft: Draft): Promise<void> {
    let same = before.rows.size === draft.rows.size;
    for (const [table, rows] of draft.rows) {
      const known = before.rows.get(table);
      if (known === undefined) same = false;
      else same = (await shareRows(rows, known, this.#options.keyColumnsOf(table))) && same;
    }
    // The later one stays, with its time: it is what is in force.
    const place = same ? entries.indexOf(before) : -1;
    if (place >= 0) entries.splice(place, 1);
  }
}

function trim(entries: Draft[]): void {
  entries.splice(0, Math.max(0, entries.length - RUNTIME_HISTORY_MAX - 1));
}
