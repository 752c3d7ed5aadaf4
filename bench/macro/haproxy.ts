/**
 * HAProxy in TCP mode in front of one server: the yardstick, a proxy that knows nothing of MySQL.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort } from '../../test/helpers/ports.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from '../../test/helpers/reaper.ts';
import { eventually } from '../../test/helpers/wait.ts';

export interface Haproxy {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts HAProxy with two threads and its own defaults otherwise. */
export async function startHaproxy(serverPort: number): Promise<Haproxy> {
  const folder = temporaryFolder('haproxy');
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, configText(port, serverPort));
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  reapProcess(child);
  await eventually(
    'HAProxy listens',
    () => accepts(port),
    (accepted) => accepted,
  );
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      await endProcess(child);
      removeFolder(folder);
    },
  };
}

function configText(port: number, serverPort: number): string {
  return `global
  maxconn 6000
  nbthread 2
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:${port}
  server one 127.0.0.1:${serverPort}
`;
}
