/**
 * Which statements changed what accounts may do. A server reads most rights at the login or with USE, and the connections
 * of a pool log in once and live long: whoever is granted something logs in again in vain. What is changed inside of
 * procedures, by EXECUTE, or past this proxy is not seen: mysql-connection_max_age_ms is the bound for that.
 */
import type { UserLookup } from '../../runtime/user-directory.ts';
import type { Statement } from './statement.ts';
import { textOf } from './statement-frames.ts';

const CHANGES_RIGHTS =
  /\b(?:grant|revoke|(?:create|alter|drop|rename)\s+(?:or\s+replace\s+)?(?:user|role)|set\s+(?:password|default\s+role)|flush\s+(?:(?:local|no_write_to_binlog)\s+)?privileges)\b/i;
/** Words, and quoted names; a password that is somebody's name does no harm. */
const NAMES = /'([^']*)'|"([^"]*)"|`([^`]*)`|[\w$.-]+/g;

/**
 * The accounts whose connections have to log in again after the statement, which has run.
 * @returns undefined when nothing has to; an empty list stands for everybody: roles and FLUSH PRIVILEGES reach any account
 */
export function accountsChanged(statement: Statement, username: string, users: UserLookup): string[] | undefined {
  if (!mayChange(statement)) return undefined;
  const text = statement.prepared === undefined ? textOf(statement) : statement.prepared.text.toString('utf8');
  if (!CHANGES_RIGHTS.test(text)) return undefined;
  const named = new Set<string>();
  for (const [word, ...quoted] of text.matchAll(NAMES)) {
    const name = quoted.find((inside) => inside !== undefined) ?? word;
    if (users.get(name) !== undefined) named.add(name);
  }
  // SET PASSWORD = … is about whoever says it.
  if (named.size === 0 && statement.facts.kind === 'set') named.add(username);
  return [...named];
}

function mayChange({ facts, command }: Statement): boolean {
  if (command !== 'query' && command !== 'execute') return false;
  switch (facts.kind) {
    case 'ddl':
      return !facts.command.endsWith('_TABLE') && !facts.command.endsWith('_INDEX');
    case 'flush':
    case 'set':
    case 'multi':
      return true;
    default:
      return false;
  }
}
