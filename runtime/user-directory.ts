/**
 * The users of the runtime as a worker keeps them: found by name, and unpacked when somebody asks for one. A hundred
 * thousand users of whom a hundred log in cost a hundred objects, and nothing is left to do when a publish commits.
 */
import { packedRowsOf, packRows, unpackCell, unpackRow } from './packed-rows.ts';
import type { UserEntry } from './snapshot.ts';

/** Users of one role by name. */
export interface UserLookup {
  get(username: string): UserEntry | undefined;
}

const FLAGS = ['useSsl', 'schemaLocked', 'transactionPersistent', 'fastForward', 'backend', 'frontend'] as const;
const BACKEND = 1 << FLAGS.indexOf('backend');
const FRONTEND = 1 << FLAGS.indexOf('frontend');
/** Flags are one character, and no control character. */
const FLAGS_BASE = 0x30;

/** Users for a publish slice. */
export function packUsers(users: readonly UserEntry[]): string {
  return packRows(users.map(cellsOf));
}

function cellsOf(user: UserEntry): string[] {
  let flags = 0;
  for (let i = 0; i < FLAGS.length; i += 1) if (user[FLAGS[i] as (typeof FLAGS)[number]]) flags |= 1 << i;
  return [
    String.fromCharCode(FLAGS_BASE + flags) + user.username,
    user.password,
    String(user.defaultHostgroup),
    String(user.maxConnections),
    user.defaultSchema,
    user.attributes,
    user.comment,
  ];
}

function entryOf(row: string): UserEntry {
  const [name = '', password = '', defaultHostgroup, maxConnections, schema = '', attributes = '', comment = ''] =
    unpackRow(row);
  const flags = name.charCodeAt(0) - FLAGS_BASE;
  const has = (flag: (typeof FLAGS)[number]): boolean => (flags & (1 << FLAGS.indexOf(flag))) !== 0;
  return {
    username: name.slice(1),
    password,
    useSsl: has('useSsl'),
    defaultHostgroup: Number(defaultHostgroup),
    defaultSchema: schema,
    schemaLocked: has('schemaLocked'),
    transactionPersistent: has('transactionPersistent'),
    fastForward: has('fastForward'),
    backend: has('backend'),
    frontend: has('frontend'),
    maxConnections: Number(maxConnections),
    attributes,
    comment,
  };
}

class Role implements UserLookup {
  readonly #users = new Map<string, string | UserEntry>();

  set(username: string, row: string): void {
    this.#users.set(username, row);
  }

  get(username: string): UserEntry | undefined {
    const found = this.#users.get(username);
    if (typeof found !== 'string') return found;
    const entry = entryOf(found);
    this.#users.set(username, entry);
    return entry;
  }
}

export class UserDirectory {
  readonly #frontend = new Role();
  readonly #backend = new Role();

  /** Takes the users of one slice in; of two with one name and role the later one counts. */
  add(packed: string): void {
    for (const row of packedRowsOf(packed)) {
      const flags = row.charCodeAt(0) - FLAGS_BASE;
      const username = unpackCell(row, 1);
      if ((flags & FRONTEND) !== 0) this.#frontend.set(username, row);
      if ((flags & BACKEND) !== 0) this.#backend.set(username, row);
    }
  }

  /** Who may log in to the proxy. */
  get frontend(): UserLookup {
    return this.#frontend;
  }

  /** Who may log in to servers. */
  get backend(): UserLookup {
    return this.#backend;
  }
}
