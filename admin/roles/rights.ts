/**
 * The rights of a session, as sluice-admin_roles has them at this moment: a LOAD takes and gives them at once.
 */
import { readSluiceVariables } from '../../runtime/variables.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import type { AdminStatement } from '../grammar/statement.ts';
import { AccessDenied } from './guard.ts';
import { isAllowed } from './permissions.ts';
import { type AdminRights, readRoles } from './roles.ts';

/** Stats accounts have a view of their own and no need of this. */
export function rightsOf({ plane }: AdminContext, { username, role }: SessionContext): AdminRights {
  if (role !== 'admin') return 'full';
  const { adminRoles } = readSluiceVariables(plane.current.sluiceVariables);
  if (adminRoles === '') return 'full';
  return readRoles(adminRoles).roles.get(username) ?? 'full';
}

/** Throws AccessDenied for a statement the role does not allow; that of SQL is judged when it is prepared. */
export function checkRights(context: AdminContext, session: SessionContext, statement: AdminStatement): void {
  const rights = rightsOf(context, session);
  if (!isAllowed(rights, statement)) throw new AccessDenied(`this is not allowed to this account (${rights})`);
}
