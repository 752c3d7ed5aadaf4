/**
 * From rows of mysql_hostgroup_attributes to what the data plane acts on. SQL has checked that the JSON is JSON; what it
 * says is looked at here, once per LOAD.
 */
import { cellToInt, cellToText, type TableRow } from './build-snapshot.ts';
import type { Problem } from './problem.ts';
import type { HostgroupAttributesEntry } from './snapshot.ts';

export function buildHostgroupAttributes(rows: readonly TableRow[]): {
  readonly entries: HostgroupAttributesEntry[];
  readonly problems: Problem[];
} {
  const problems: Problem[] = [];
  const entries = rows.map((row): HostgroupAttributesEntry => {
    const hostgroup = cellToInt(row.hostgroup_id);
    const value = settingOf(cellToText(row.hostgroup_settings), 'pipelining');
    const known = value === undefined || value === 0 || value === 1 || typeof value === 'boolean';
    if (!known) {
      problems.push({
        table: 'mysql_hostgroup_attributes',
        key: String(hostgroup),
        column: 'hostgroup_settings',
        reason: 'pipelining must be 0 or 1; it is off, as with 0',
        severity: 'warning',
      });
    }
    return {
      hostgroup,
      pipelining: known ? (value === undefined ? undefined : Boolean(value)) : false,
      connectsPerSecond: cellToInt(row.throttle_connections_per_sec),
    };
  });
  return { entries, problems };
}

function settingOf(text: string, name: string): unknown {
  if (text === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined;
  }
}
