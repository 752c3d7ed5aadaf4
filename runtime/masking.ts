/**
 * Masking as configured: which columns are protected and from whom. Rows of mysql_masking_columns and
 * mysql_masking_users become entries of the snapshot and back. What masks mean is src/masks' business, and the caller's
 * `checkMask` tells whether one can be used.
 *
 * A row that cannot be used as it stands still protects: an unknown mask masks in full, an unknown policy is `deny`.
 */
import { type Built, cellToInt, cellToText, type TableRow } from './build-snapshot.ts';
import type { Problem } from './problem.ts';

/** One active row of mysql_masking_columns; `%` in a name stands for any characters. */
export interface MaskingColumnEntry {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** As stored; a name masks do not have means `full`. */
  readonly mask: string;
  /** JSON text or ''. */
  readonly maskArgs: string;
  readonly comment: string;
}

export const MASKING_POLICIES = ['masked', 'exempt', 'deny'] as const;
/**
 * `masked`: protected columns come masked, and what could give them away is refused. `exempt`: nothing is looked at.
 * `deny`: nothing that could touch a protected column is allowed, not even masked.
 */
export type MaskingPolicy = (typeof MASKING_POLICIES)[number];

/** One active row of mysql_masking_users; the username `%` is everybody who has no row. */
export interface MaskingUserEntry {
  readonly username: string;
  readonly policy: MaskingPolicy;
  /** Verdicts are logged and counted, and nothing is masked or refused. */
  readonly dryRun: boolean;
  readonly comment: string;
}

/** Why a mask cannot be used. */
export type CheckMask = (
  mask: string,
  maskArgs: string,
) => { readonly column: string; readonly reason: string } | undefined;

export function buildMaskingColumns(rows: readonly TableRow[], checkMask: CheckMask): Built<MaskingColumnEntry> {
  const entries: MaskingColumnEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (cellToInt(row.active) === 0) continue;
    const entry: MaskingColumnEntry = {
      schema: cellToText(row.schemaname),
      table: cellToText(row.tablename),
      column: cellToText(row.columnname),
      mask: cellToText(row.mask),
      maskArgs: cellToText(row.mask_args),
      comment: cellToText(row.comment),
    };
    const key = `${entry.schema}.${entry.table}.${entry.column}`;
    const report = (column: string, reason: string, severity: Problem['severity']): void => {
      problems.push({ table: 'mysql_masking_columns', key, column, reason, severity });
    };
    const empty = (['schema', 'table', 'column'] as const).find((name) => entry[name] === '');
    if (empty !== undefined) {
      report(`${empty}name`, 'is empty; the row protects nothing', 'error');
      continue;
    }
    const problem = checkMask(entry.mask, entry.maskArgs);
    if (problem !== undefined) report(problem.column, problem.reason, 'warning');
    entries.push(entry);
  }
  return { entries, problems };
}

export function maskingColumnRow(entry: MaskingColumnEntry): TableRow {
  return {
    schemaname: entry.schema,
    tablename: entry.table,
    columnname: entry.column,
    mask: entry.mask,
    mask_args: entry.maskArgs,
    active: 1,
    comment: entry.comment,
  };
}

export function buildMaskingUsers(rows: readonly TableRow[]): Built<MaskingUserEntry> {
  const entries: MaskingUserEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (cellToInt(row.active) === 0) continue;
    const username = cellToText(row.username);
    const word = cellToText(row.policy).toLowerCase();
    const policy = MASKING_POLICIES.find((known) => known === word);
    const report = (column: string, reason: string): void => {
      problems.push({ table: 'mysql_masking_users', key: username, column, reason, severity: 'error' });
    };
    if (policy === undefined) report('policy', `is none of ${MASKING_POLICIES.join(', ')}; the user is denied`);
    if (username !== '%' && username.includes('%')) {
      report('username', 'has a % that is not the whole name; it is the name of one user');
    }
    entries.push({
      username,
      policy: policy ?? 'deny',
      dryRun: cellToInt(row.dry_run) !== 0,
      comment: cellToText(row.comment),
    });
  }
  return { entries, problems };
}

export function maskingUserRow(entry: MaskingUserEntry): TableRow {
  return {
    username: entry.username,
    policy: entry.policy,
    dry_run: entry.dryRun ? 1 : 0,
    active: 1,
    comment: entry.comment,
  };
}
