/**
 * The programs a benchmark needs, installed when they are missing and that is possible. It runs none of them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Makes the programs available (each is the name of its Debian package as well), or says in one sentence what to do. */
export function ensureTools(programs: readonly string[]): void {
  // Debian keeps servers in sbin, which is not in the path of ordinary users.
  process.env.PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    throw new Error(
      `The benchmark needs ${missing.join(' and ')}: install them, or run it as root on Debian or Ubuntu.`,
    );
  }
  console.log(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing.join(' ')}`;
  const result = spawnSync('sh', ['-c', install], { env, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`apt-get failed:\n${result.stderr}`);
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
