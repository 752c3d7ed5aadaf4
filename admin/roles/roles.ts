/**
 * Which rights an admin account has: `sluice-admin_roles`, a list such as `jenkins=users-only;grafana=read-only` over the
 * accounts of admin-admin_credentials. Pure. An account that is not named has all rights, as in ProxySQL.
 *
 * It fails closed: an account named twice, or with a role nobody knows, has the least rights.
 */

export const ADMIN_RIGHTS = ['full', 'users-only', 'read-only'] as const;
export type AdminRights = (typeof ADMIN_RIGHTS)[number];

export interface RoleList {
  readonly roles: ReadonlyMap<string, AdminRights>;
  /** What is wrong with the list; undefined when nothing is. */
  readonly problem: string | undefined;
}

export function readRoles(text: string): RoleList {
  const roles = new Map<string, AdminRights>();
  let problem: string | undefined;
  for (const piece of text.split(';').map((part) => part.trim())) {
    if (piece === '') continue;
    const [, name = piece, word = ''] = /^(.*?)\s*=\s*(.*)$/.exec(piece) ?? [];
    const rights = ADMIN_RIGHTS.find((candidate) => candidate === word);
    if (rights === undefined) problem ??= `'${piece}' is not name=role with one of ${ADMIN_RIGHTS.join(', ')}`;
    if (roles.has(name)) problem ??= `'${name}' has two roles`;
    roles.set(name, rights === undefined || roles.has(name) ? 'read-only' : rights);
  }
  return { roles, problem };
}
