/**
 * The ways to the database that are compared: straight, through HAProxy, through MySQL Router where there is one, and
 * through sluice. It starts and stops them; it measures nothing.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/helpers/reaper.ts';
import { Stage, type StageOptions } from '../../test/helpers/stage.ts';
import { startHaproxy } from './haproxy.ts';
import { startRouter } from './router.ts';
import { prepareTable, TABLE_SCHEMA } from './sysbench.ts';

/** One way to the database: its name, its port, and the processes whose time it costs. */
export interface Target {
  readonly name: string;
  readonly port: number;
  readonly pids: () => readonly number[];
}

export interface Arena {
  readonly stage: Stage;
  readonly targets: readonly Target[];
  /** Certificates that sysbench wants to find in its folder. */
  readonly folder: string;
  stop(): Promise<void>;
}

export interface ArenaOptions {
  readonly workers: number | 'as by default';
  /** Of the targets; all that can be had when empty. */
  readonly only: readonly string[];
  readonly mysql9Root: string | undefined;
  readonly mysqlVariables?: StageOptions['mysqlVariables'];
  readonly env?: NodeJS.ProcessEnv;
}

export async function openArena(options: ArenaOptions): Promise<Arena> {
  const folder = temporaryFolder('certificates');
  makeCertificates(folder);
  const stage = await Stage.start({
    workers: options.workers,
    setup: [`CREATE DATABASE ${TABLE_SCHEMA}`],
    databaseArgs: [
      '--innodb-buffer-pool-size=128M',
      '--max-connections=6000',
      `--ssl-ca=${join(folder, 'cacert.pem')}`,
      `--ssl-cert=${join(folder, 'server-cert.pem')}`,
      `--ssl-key=${join(folder, 'server-key.pem')}`,
    ],
    users: [{ username: 'bench', password: 'bench', default_hostgroup: 0 }],
    mysqlVariables: { max_connections: 10_000, ...options.mysqlVariables },
    // Tests overwrite what is lent; here it would be measured.
    env: { SLUICE_OVERWRITE_LENT_READS: '0', ...options.env },
  });
  appendFileSync(join(folder, 'cacert.pem'), readFileSync(join(stage.sluice.dataDir, 'proxysql-ca.pem')));
  await prepareTable(stage.database.port);
  const all: Target[] = [{ name: 'direct', port: stage.database.port, pids: () => [] }];
  const stops: (() => Promise<void>)[] = [];
  const wanted = (name: string) => options.only.length === 0 || options.only.includes(name);
  if (wanted('haproxy')) {
    const haproxy = await startHaproxy(stage.database.port);
    stops.push(() => haproxy.stop());
    all.push({ name: 'haproxy', port: haproxy.port, pids: () => [haproxy.pid] });
  }
  if (wanted('router') && options.mysql9Root !== undefined) {
    const router = await startRouter(options.mysql9Root, stage.database.port);
    stops.push(() => router.stop());
    all.push({ name: 'router', port: router.port, pids: () => [router.pid] });
  }
  all.push({ name: 'sluice', port: stage.sluice.mysqlPort, pids: () => stage.sluice.pids() });
  return {
    stage,
    folder,
    targets: all.filter(({ name }) => wanted(name)),
    async stop() {
      for (const stop of stops) await stop();
      await stage.stop();
    },
  };
}

/** A certificate for the server that is its own authority, and the client's, which nobody checks. */
function makeCertificates(folder: string): void {
  const key = join(folder, 'server-key.pem');
  const cert = join(folder, 'server-cert.pem');
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost'];
  const made = spawnSync('openssl', [...args, '-keyout', key, '-out', cert], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl failed: ${made.stderr}`);
  chmodSync(key, 0o644);
  copyFileSync(cert, join(folder, 'cacert.pem'));
  copyFileSync(cert, join(folder, 'client-cert.pem'));
  copyFileSync(key, join(folder, 'client-key.pem'));
}
