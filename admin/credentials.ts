/**
 * Who may log in to the admin port, from the variables that say so. Pure; it checks no password.
 */
import type { VariableValues } from '../runtime/snapshot.ts';
import type { AdminRole } from './grammar/statement.ts';

export interface AdminAccount {
  readonly username: string;
  readonly password: string;
  readonly role: AdminRole;
}

/** Accounts of these names may come from this machine only. */
const LOCAL_ONLY: ReadonlySet<string> = new Set(['admin', 'stats', 'monitor']);

/**
 * The accounts by user name. `admin` and `mysql` are variables in force by short name; a name in several lists has the
 * rights of the first: admin, stats, monitor.
 */
export function readAccounts(admin: VariableValues, mysql: VariableValues): ReadonlyMap<string, AdminAccount> {
  const accounts = new Map<string, AdminAccount>();
  const add = (account: AdminAccount): void => {
    if (account.username !== '' && !accounts.has(account.username)) accounts.set(account.username, account);
  };
  for (const account of parseCredentials(admin.admin_credentials ?? '', 'admin')) add(account);
  for (const account of parseCredentials(admin.stats_credentials ?? '', 'stats')) add(account);
  const { monitor_username: username = '', monitor_password: password = '' } = mysql;
  add({ username, password, role: 'stats' });
  return accounts;
}

/** `user:password;user2:password2`; a piece without a colon names nobody. */
function parseCredentials(text: string, role: AdminRole): readonly AdminAccount[] {
  return text.split(';').flatMap((piece) => {
    const colon = piece.indexOf(':');
    return colon < 0 ? [] : [{ username: piece.slice(0, colon).trim(), password: piece.slice(colon + 1), role }];
  });
}

/** May the account be used from there? `address` is undefined for a Unix socket. */
export function mayConnectFrom(username: string, address: string | undefined): boolean {
  if (!LOCAL_ONLY.has(username) || address === undefined) return true;
  const plain = address.replace(/^::ffff:/, '');
  return plain === '::1' || plain.startsWith('127.');
}
