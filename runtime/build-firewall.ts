/**
 * Rows of the firewall's whitelists become entries of the snapshot. A row that cannot be used is left out and reported;
 * for a whitelist that means less is allowed.
 */
import { type Built, cellToInt, cellToText, type TableRow } from './build-snapshot.ts';
import type { Problem } from './problem.ts';
import { FIREWALL_MODES, type FirewallRuleEntry, type FirewallUserEntry } from './snapshot.ts';

export function buildFirewallUsers(rows: readonly TableRow[]): Built<FirewallUserEntry> {
  const entries: FirewallUserEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (cellToInt(row.active) === 0) continue;
    const username = cellToText(row.username);
    const mode = FIREWALL_MODES.find((known) => known === cellToText(row.mode));
    if (mode !== undefined) entries.push({ username, clientAddress: cellToText(row.client_address), mode });
    else
      problems.push(
        problem('mysql_firewall_whitelist_users', username, 'mode', `is none of ${FIREWALL_MODES.join(', ')}`),
      );
  }
  return { entries, problems };
}

export function buildFirewallRules(rows: readonly TableRow[]): Built<FirewallRuleEntry> {
  const entries: FirewallRuleEntry[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    if (cellToInt(row.active) === 0) continue;
    const username = cellToText(row.username);
    const digest = canonicalDigest(cellToText(row.digest));
    if (digest === undefined) {
      problems.push(
        problem('mysql_firewall_whitelist_rules', username, 'digest', 'is no digest such as 0x1D2CC217C860282'),
      );
      continue;
    }
    entries.push({
      username,
      clientAddress: cellToText(row.client_address),
      schemaname: cellToText(row.schemaname),
      flagIn: cellToInt(row.flagIN),
      digest,
    });
  }
  return { entries, problems };
}

function problem(table: string, key: string, column: string, reason: string): Problem {
  return { table, key, column, reason: `${reason}; the row is not loaded`, severity: 'error' };
}

function canonicalDigest(text: string): string | undefined {
  if (!/^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})$/.test(text)) return undefined;
  const digest = BigInt(text);
  return digest < 2n ** 64n ? `0x${digest.toString(16).toUpperCase().padStart(16, '0')}` : undefined;
}
