/**
 * MySQL Router in its plain TCP mode in front of one server, run by chroot in an unpacked root file system with MySQL 9:
 * another yardstick, where there is one.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort } from '../../test/helpers/ports.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from '../../test/helpers/reaper.ts';
import { eventually } from '../../test/helpers/wait.ts';

export interface Router {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @param root a root file system with `mysqlrouter`; needs root rights */
export async function startRouter(root: string, serverPort: number): Promise<Router> {
  const folder = temporaryFolder('router', join(root, 'var/lib'));
  const inside = folder.slice(root.replace(/\/+$/, '').length);
  const port = await freePort();
  writeFileSync(join(folder, 'router.conf'), configText(inside, port, serverPort));
  const child = spawn('chroot', [root, 'mysqlrouter', '--user=root', '-c', `${inside}/router.conf`], {
    stdio: 'ignore',
  });
  reapProcess(child);
  await eventually(
    'MySQL Router listens',
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

function configText(folder: string, port: number, serverPort: number): string {
  return `[DEFAULT]
logging_folder=${folder}
runtime_folder=${folder}
data_folder=${folder}
[logger]
level=WARNING
[io]
threads=2
[routing:one]
bind_address=127.0.0.1
bind_port=${port}
destinations=127.0.0.1:${serverPort}
routing_strategy=first-available
protocol=classic
max_connections=6000
`;
}
