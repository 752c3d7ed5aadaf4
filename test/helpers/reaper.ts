/**
 * Makes sure that processes and folders of a test are gone when the test process is, even after SIGKILL.
 * It does not stop anything while the test process lives: each helper does that for what it started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Reads states, a line each, until its input closes, which the kernel does when the test process ends in whatever way;
 * then it acts on the last one. It ignores the signals a terminal sends to the whole group.
 */
const REAPER = `
trap '' INT TERM HUP
last='|'
while read -r line; do last=$line; done
pids=\${last%%|*}
IFS=' '
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
for pid in $pids; do n=0; while [ $n -lt 40 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; n=$((n + 1)); done; done
IFS=:
for path in \${last#*|}; do rm -rf "$path"; done
`;

const pids = new Set<number>();
const folders = new Set<string>();
let reaper: ChildProcess | undefined;

function tellReaper(): void {
  if (reaper === undefined) {
    reaper = spawn('sh', ['-c', REAPER], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    reaper.unref();
    // The pipe alone must not keep a finished test process alive.
    (reaper.stdin as unknown as { unref(): void }).unref();
  }
  reaper.stdin?.write(`${[...pids].join(' ')}|${[...folders].join(':')}\n`);
}

/** Registers a child; it is forgotten by itself when it exits. */
export function reapProcess(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  pids.add(pid);
  child.once('exit', () => {
    pids.delete(pid);
    tellReaper();
  });
  tellReaper();
}

/** A new empty folder that disappears with the process at the latest. */
export function temporaryFolder(label: string, parent: string = tmpdir()): string {
  const folder = mkdtempSync(join(parent, `sluice-${label}-`));
  folders.add(folder);
  tellReaper();
  return folder;
}

/** Removes a folder made by `temporaryFolder` now. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(folder);
  tellReaper();
}

/**
 * Ends a child: `signal` first, SIGKILL when it has not gone after `patienceMs`. Returns its exit code, or null when a
 * signal ended it. Safe to call again.
 */
export async function endProcess(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
  patienceMs = 10_000,
): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  // The helpers do not let a child keep the test process alive; while somebody waits for its end it must.
  child.ref();
  child.kill(signal);
  const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await gone;
  clearTimeout(impatience);
  return child.exitCode;
}
