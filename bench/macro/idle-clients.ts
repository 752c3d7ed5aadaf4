/**
 * What clients cost that are logged in and silent: the state most clients of a proxy are in.
 */
import type { Stage } from '../../test/helpers/stage.ts';
import { RawClient } from './raw-client.ts';
import { mib } from './report.ts';

const LOGINS_AT_ONCE = 50;

/** Logs clients in, lets each run one statement, and weighs sluice and its workers before and with them. */
export async function weighIdleClients(stage: Stage, count: number): Promise<string> {
  const { sluice } = stage;
  const clients: RawClient[] = [];
  const login = async (some: number) => {
    const fresh = await Promise.all(Array.from({ length: some }, () => RawClient.connect(sluice.mysqlPort)));
    for (const client of fresh) await client.query('SELECT c FROM sbtest1 WHERE id=1');
    clients.push(...fresh);
  };
  // The first ones are not weighed: they make sluice compile and open what it needs for any.
  for (let i = 0; i < 4; i += 1) await login(LOGINS_AT_ONCE);
  const first = clients.length;
  const beforeBytes = sluice.residentBytes();
  while (clients.length < first + count) await login(Math.min(LOGINS_AT_ONCE, first + count - clients.length));
  const withBytes = sluice.residentBytes();
  for (const client of clients) client.destroy();
  const each = ((withBytes - beforeBytes) / count / 1024).toFixed(1);
  return `resident memory of all processes: ${mib(beforeBytes)} MiB before, ${mib(withBytes)} MiB with ${count} idle clients more: ${each} KiB each`;
}
