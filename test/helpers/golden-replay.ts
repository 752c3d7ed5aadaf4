/**
 * Plays a recording of a real ProxySQL (environment variable SLUICE_GOLDEN names their folder) against the whole product.
 *
 * The recordings use fixed ports, so everything runs in network and process namespaces of its own: sluice, the replayer
 * and the database. That needs Linux and root. It knows the replayer's command line and output, nothing of sluice's inside.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mariadbdArgs, prepareMariadbFolder } from './mariadb.ts';
import { reapProcess, removeFolder, temporaryFolder } from './reaper.ts';
import { CLI, sharedCertificateFolder } from './sluice-process.ts';

/** One step that was not answered as ProxySQL did. */
export interface Difference {
  /** `conn op: statement`. */
  readonly step: string;
  /** Where the two answers differ, e.g. `rows.Value`, `warnings`. */
  readonly paths: readonly string[];
  /** Both answers, for people. */
  readonly answers: string;
}

export interface ReplayResult {
  readonly equal: number;
  readonly all: number;
  readonly differences: readonly Difference[];
}

export interface ReplayOptions {
  /** Text added to each configuration file of the recording. Not said: what makes sluice as silent as ProxySQL. */
  readonly config?: string;
  /** Start a MariaDB with the schema the recordings expect. */
  readonly database?: boolean;
}

/**
 * Starts sluice with the certificate of this run, if there is one, because making one takes longer than the start: the
 * replayer empties the data directory first. $1 is the folder of the certificate; the options of the replayer begin
 * with `-f -c FILE -D DIR`.
 */
const START_SCRIPT = `#!/bin/sh
if [ -d "$1" ]; then cp "$1"/*.pem "$6"; fi
shift
exec "${process.execPath}" "${CLI}" --workers 0 "$@"
`;

const PROXYSQL_SILENCE = 'sluice_variables={ strict="false" }';
const DATABASE_PORT = 13306;
/** A topic that has not ended by then hangs, in ms. */
const TOPIC_TIMEOUT_MS = 240_000;
const OUTPUT_BYTES_MAX = 1 << 28;

const folder = process.env.SLUICE_GOLDEN;

/** Why recordings cannot be played here; false when they can. */
export function missingGolden(): string | false {
  if (folder === undefined) return 'SLUICE_GOLDEN names no recordings';
  const alone = spawnSync('unshare', [...NAMESPACES, 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
  return alone.status === 0 ? false : 'recordings need namespaces, which need root';
}

/** How often the recording's echoing server answered on which of its connections, by the number in the column `conn`. */
export function recordedConnections(topic: string): Map<string, number> {
  const { column_sets: sets, steps } = JSON.parse(
    readFileSync(join(folder ?? '', `${topic}.json`), 'utf8'),
  ) as Recording;
  const counts = new Map<string, number>();
  for (const { reply } of steps) {
    const at = sets[reply?.columns ?? -1]?.findIndex(({ name }) => name === 'conn') ?? -1;
    const number = at < 0 ? undefined : reply?.rows?.[0]?.[at];
    if (typeof number === 'string') counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return counts;
}

interface Recording {
  readonly column_sets: readonly (readonly { readonly name: string }[])[];
  readonly steps: readonly { readonly reply?: { readonly columns?: number; readonly rows?: readonly unknown[][] } }[];
}

/** When the process in front of it ends, however that happens, the kernel ends everything inside. */
const NAMESPACES = ['--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];

/** $1 is the folder of the database, if there is one; the rest is the replayer's command. */
const SCRIPT = `
ip link set lo up
if [ -n "$1" ]; then
  xargs -0 -a "$1/options" mariadbd 2>"$1/log" &
  until [ -S "$1/mariadb.sock" ]; do sleep 0.05; done
fi
shift
exec "$@"
`;

/** As whom the recordings log in. */
const ACCOUNT = ["'app'@'%'", "'app'@'localhost'"].flatMap((account) => [
  `CREATE USER ${account} IDENTIFIED BY 'app';`,
  `GRANT ALL ON *.* TO ${account} WITH GRANT OPTION;`,
]);
ACCOUNT.push('CREATE DATABASE test;');

/** Times a topic is played at most. */
const ATTEMPTS = 3;

/**
 * Plays one topic, e.g. `04-dml`. Rejects when the replayer itself fails. The replayer waits 20 s for a start, which a
 * machine that is busy with other tests may not do in time; then it is played again.
 */
export async function replayGolden(topic: string, options: ReplayOptions = {}): Promise<ReplayResult> {
  for (let attempt = 1; ; attempt += 1) {
    const result = await replayOnce(topic, options);
    const neverCameUp = result.differences[0]?.answers.includes('Connection refused') === true;
    if (!neverCameUp || attempt === ATTEMPTS) return result;
  }
}

async function replayOnce(topic: string, options: ReplayOptions): Promise<ReplayResult> {
  const golden = folder ?? '';
  const work = temporaryFolder('replay');
  const database = options.database === true ? await prepareDatabase(golden) : undefined;
  try {
    const start = join(work, 'start.sh');
    writeFileSync(start, START_SCRIPT);
    const play = [
      'python3',
      join(golden, 'tools', 'golden.py'),
      'replay',
      join(golden, `${topic}.json`),
      '--start',
      '-v',
    ];
    const output = await inNamespaces(database ?? '', play, {
      REPLAY_DIR: work,
      // Without worker processes it starts quickest, and there are many starts.
      START: `sh ${start} ${sharedCertificateFolder() ?? 'none'}`,
      START_CWD: work,
      CNF_EXTRA: options.config ?? PROXYSQL_SILENCE,
      PYTHONDONTWRITEBYTECODE: '1',
    });
    return resultOf(output);
  } finally {
    removeFolder(work);
    if (database !== undefined) removeFolder(database);
  }
}

/** Runs the replayer and returns what it printed; it ends with 1 when something differs. */
async function inNamespaces(database: string, command: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const running = promisify(execFile)('unshare', [...NAMESPACES, 'sh', '-c', SCRIPT, 'sh', database, ...command], {
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: TOPIC_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...env },
  });
  reapProcess(running.child);
  const { stdout } = await running.catch((error: { stdout: string }) => error);
  return stdout;
}

/** A data directory, and beside it the options of the server that gets accounts, schema and rows at its start. */
async function prepareDatabase(golden: string): Promise<string> {
  const database = await prepareMariadbFolder();
  const setup = join(database, 'setup.sql');
  writeFileSync(setup, `${ACCOUNT.join('\n')}\n${readFileSync(join(golden, 'backend-setup.sql'), 'utf8')}`);
  const options = mariadbdArgs(database, DATABASE_PORT, [`--init-file=${setup}`, '--skip-name-resolve=0']);
  writeFileSync(join(database, 'options'), options.join('\0'));
  return database;
}

/** The replayer prints `step N [conn op] statement`, and below it the paths and both answers; at the end the sum. */
function resultOf(output: string): ReplayResult {
  const [, equal, all] = /(\d+) of (\d+) steps equal\s*$/.exec(output) ?? [];
  if (equal === undefined) throw new Error(`the replayer failed:\n${output.slice(-2000)}`);
  const differences = [...output.matchAll(DIFFERENCE), ...output.matchAll(NOT_SURVIVED)].map(
    ([, step = '', paths = '', answers = '']) => ({
      step: step.replace('] ', ': '),
      paths: paths.split(', '),
      answers,
    }),
  );
  if (differences.length !== Number(all) - Number(equal)) throw new Error(`not understood:\n${output.slice(-2000)}`);
  return { equal: Number(equal), all: Number(all), differences };
}

const DIFFERENCE =
  /^step \d+ \[(\S* \S+\] [\s\S]*?)\n {3}differs at: (.*)\n {3}want: ([\s\S]*?)(?=\nstep \d+|\n[\w-]+: \d+ of)/gm;
const NOT_SURVIVED = /^step \d+: (.*) kills the real server; here: (.*)$/gm;
