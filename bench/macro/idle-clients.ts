/**
 * What clients cost that are logged in and silent: the state most clients of a proxy are in.
 */
import type { Connection } from 'mysql2/promise';
import { type Stage, scalar } from '../../test/helpers/stage.ts';

export interface IdleClients {
  readonly clients: number;
  readonly beforeBytes: number;
  readonly withClientsBytes: number;
}

const LOGINS_AT_ONCE = 50;

/** Logs clients in, lets each run one statement, and weighs sluice and its workers before and with them. */
export async function weighIdleClients(stage: Stage, count: number): Promise<IdleClients> {
  const beforeBytes = stage.sluice.residentBytes();
  const clients: Connection[] = [];
  while (clients.length < count) {
    const some = Math.min(LOGINS_AT_ONCE, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: some }, () => stage.connect()))));
  }
  for (const client of clients) await scalar(client, 'SELECT 1');
  const withClientsBytes = stage.sluice.residentBytes();
  for (const client of clients) client.destroy();
  return { clients: count, beforeBytes, withClientsBytes };
}
