/**
 * What accounts with fewer rights may ask of the admin plane besides SQL. A kind of statement that is not named here is
 * for accounts with all rights.
 */
import type { AdminStatement } from '../grammar/statement.ts';
import type { AdminRights } from './roles.ts';

type Kind = AdminStatement['kind'];

/** Answers that hold no configuration. */
const HARMLESS: ReadonlySet<Kind> = new Set<Kind>([
  'ok',
  'rows',
  'fact',
  'show-warnings',
  'show-create-table',
  'show-fields',
  'show-table-status',
  'refuse',
  'hang-up',
]);

/** What only looks, secrets left out. */
const LOOKS: ReadonlySet<Kind> = new Set<Kind>([
  'show-diff',
  'show-runtime-history',
  'explain-route',
  'global-checksum',
  'pull-version',
]);

const USERS = 'MYSQL USERS';

/** Is the statement allowed? That of SQL is for the guard to say. */
export function isAllowed(rights: AdminRights, statement: AdminStatement): boolean {
  if (rights === 'full' || statement.kind === 'sql' || HARMLESS.has(statement.kind)) return true;
  if (rights === 'read-only') return LOOKS.has(statement.kind);
  switch (statement.kind) {
    case 'promote':
    case 'load-from-history':
      return statement.module === USERS;
    case 'load-user':
      return true;
    case 'show-diff':
    case 'show-runtime-history':
      return statement.modules.every((module) => module === USERS);
    default:
      return false;
  }
}
