/**
 * An admin plane in this process, on free ports of the loopback address, with a fake data plane behind it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConfigFile } from '../../../admin/config-file/config-file.ts';
import type { AdminPlane } from '../../../admin/index.ts';
import { startAdminPlane } from '../../../admin/index.ts';
import { loadOrCreateTls, type TlsIdentity } from '../../../src/net/tls.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { FakePlane } from './fake-plane.ts';
import { FakeProcess } from './fake-process.ts';

export interface TestAdminPlane {
  readonly admin: AdminPlane;
  readonly plane: FakePlane;
  readonly dataDir: string;
  readonly port: number;
  readonly socketPath: string;
  readonly tls: TlsIdentity;
  readonly process: FakeProcess;
  stop(): Promise<void>;
}

/** `config` is the text of a config file, or admin variables by short name. */
export async function startTestAdminPlane(
  config: string | Readonly<Record<string, string>> = {},
): Promise<TestAdminPlane> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-admin-'));
  const configPath = join(dataDir, 'proxysql.cnf');
  writeFileSync(configPath, typeof config === 'string' ? config : configOf(config));
  const plane = new FakePlane();
  const tls = await loadOrCreateTls(dataDir);
  const process = new FakeProcess(plane);
  const socketPath = join(dataDir, 'admin.sock');
  const admin = await startAdminPlane({
    dataDir,
    configFile: openConfigFile(configPath),
    initial: true,
    reload: false,
    adminSocket: socketPath,
    plane,
    logger: silentLogger(),
    tls: () => tls,
    checkRules: () => [],
    process,
  });
  const port = Number(admin.adminAddresses()[0]?.split(':').at(-1));
  return {
    admin,
    plane,
    dataDir,
    port,
    socketPath,
    tls,
    process,
    async stop() {
      await admin.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

function configOf(variables: Readonly<Record<string, string>>): string {
  const settings = { mysql_ifaces: '127.0.0.1:0', ...variables };
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}="${value}"`);
  return `admin_variables =\n{\n${lines.join('\n')}\n}\n`;
}
