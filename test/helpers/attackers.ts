/**
 * Kills at random what stands between clients and their answers: connections and statements on the servers, statements
 * of sessions through sluice, workers, and servers. A worker takes the sessions it has along and no others: that is seen
 * in clients that log in and say nothing. It knows nothing of what the attacked clients do.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { SESSION_ID_BITS } from '../../runtime/messages.ts';
import { LeanClient } from './lean-client.ts';
import type { DatabaseServer } from './mariadb.ts';
import type { Random } from './random.ts';
import { descendants } from './sluice-process.ts';
import { APP, rowsOf, type Stage } from './stage.ts';
import { eventually } from './wait.ts';

const INTERVAL_MS = 25;
const BYSTANDERS = 8;
const STALL_MS_MIN = 10;
const STALL_MS_MAX = 150;
/** A new worker takes this long at most, in ms; a machine may stand still for a minute. */
const RECOVERY_MS = 150_000;

export interface AttackTimes {
  /** How often a worker is killed, in ms. */
  readonly workerMs: number;
  /** How many are killed at most. */
  readonly workersMax: number;
  /** How often a server is killed and started again, in ms; not said: never. */
  readonly serverMs?: number;
  /** How often a server stops for a moment, in ms. */
  readonly stallMs: number;
}

export class Attackers {
  readonly counts = { connections: 0, queries: 0, sessions: 0, workers: 0, servers: 0, stalls: 0 };
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #threads: () => readonly number[];
  readonly #ending = new AbortController();
  #bystanders: LeanClient[] = [];
  #killer: Connection | undefined;
  #workersMax = 0;
  #restarting: DatabaseServer | undefined;
  readonly #figures = new Map<string, number>();
  /** What the workers that live had counted when the last one was killed. */
  #base: ReadonlyMap<string, number> = new Map();
  readonly #roots = new Map<DatabaseServer, Connection>();

  /** @param threads the session ids of those who may be attacked, 0 for who has none */
  constructor(stage: Stage, random: Random, threads: () => readonly number[]) {
    this.#stage = stage;
    this.#random = random;
    this.#threads = threads;
  }

  /** Attacks until stop(); rejects when a worker took somebody else's session along. */
  async run({ workerMs, workersMax, serverMs, stallMs }: AttackTimes): Promise<void> {
    this.#workersMax = workersMax;
    await this.#fillBystanders();
    await Promise.all([
      this.#every(INTERVAL_MS, () => this.#killSomething()),
      this.#every(workerMs, () => this.#killWorker()),
      this.#every(stallMs, () => this.#stallServer()),
      serverMs === undefined ? undefined : this.#every(serverMs, () => this.#killServer()),
    ]);
    await this.#addFigures();
    this.#killer?.destroy();
    for (const root of this.#roots.values()) root.destroy();
    for (const bystander of this.#bystanders) bystander.destroy();
  }

  /** Figures of stats_mysql_global that begin with `Sluice_pipelining_`, of killed workers too; after run(). */
  get figures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#figures);
  }

  /** What is under way ends first; run() resolves then. */
  async stop(): Promise<void> {
    this.#ending.abort();
  }

  async #every(ms: number, attack: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await delay(ms, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await attack();
    }
  }

  async #killSomething(): Promise<void> {
    const dice = this.#random.below(4);
    try {
      if (dice === 3) {
        this.#killer ??= quiet(await this.#stage.connect());
        await this.#killer.query(`KILL QUERY ${this.#random.pick(this.#threads())}`);
        this.counts.sessions += 1;
        return;
      }
      const database = this.#random.pick(this.#stage.databases);
      const root = this.#roots.get(database) ?? quiet(await database.connect());
      this.#roots.set(database, root);
      const rows = await rowsOf(root, `SELECT id FROM information_schema.processlist WHERE user = '${APP.user}'`);
      if (rows.length === 0) return;
      const { id } = this.#random.pick(rows);
      await root.query(dice === 0 ? `KILL ${id}` : `KILL QUERY ${id}`);
      if (dice === 0) this.counts.connections += 1;
      else this.counts.queries += 1;
    } catch {
      // There was nobody, or the attackers' own connection was hit: they open another one.
      this.#killer?.destroy();
      this.#killer = undefined;
      for (const [database, root] of this.#roots) {
        if (await alive(root)) continue;
        root.destroy();
        this.#roots.delete(database);
      }
    }
  }

  async #killWorker(): Promise<void> {
    this.#check(undefined);
    const pids = descendants(this.#stage.sluice.pid);
    const workers = new Set(this.#bystanders.map(workerOf));
    if (this.counts.workers >= this.#workersMax) return;
    // Its place is still empty, or nobody who looks is there.
    if (pids.length < workers.size || workers.size < 2) return this.#fillBystanders();
    await this.#addFigures();
    process.kill(this.#random.pick(pids), 'SIGKILL');
    this.counts.workers += 1;
    await eventually(
      'a killed worker’s sessions end',
      () => this.#bystanders.filter(({ ended }) => ended),
      (ended) => ended.length > 0,
      RECOVERY_MS,
    );
    const victim = workerOf(this.#bystanders.find(({ ended }) => ended) as LeanClient);
    await eventually(
      'all sessions of that worker end',
      () => this.#bystanders.filter((one) => workerOf(one) === victim && !one.ended).length,
      (left) => left === 0,
      RECOVERY_MS,
    );
    this.#check(victim);
    await this.#fillBystanders();
    this.#base = await this.#readFigures();
  }

  /** A killed worker takes its counters along. */
  async #addFigures(): Promise<void> {
    for (const [name, value] of await this.#readFigures()) {
      const before = this.#figures.get(name) ?? 0;
      const maximum = name.endsWith('_max');
      this.#figures.set(name, maximum ? Math.max(before, value) : before + value - (this.#base.get(name) ?? 0));
    }
  }

  async #readFigures(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#stage.sluice.admin(
      "SELECT Variable_Name AS name, Variable_Value AS value FROM stats_mysql_global WHERE Variable_Name LIKE 'Sluice_pipelining_%' AND Variable_Value > 0",
    );
    return new Map(rows.map(({ name, value }) => [String(name), Number(value)]));
  }

  /** Nobody but the sessions of this worker has ended. */
  #check(victim: number | undefined): void {
    const wronged = this.#bystanders.filter((one) => one.ended && workerOf(one) !== victim);
    assert.equal(wronged.length, 0, `${wronged.map(({ threadId }) => threadId)} ended, and only ${victim} was killed`);
  }

  async #fillBystanders(): Promise<void> {
    this.#bystanders = this.#bystanders.filter(({ ended }) => !ended);
    const deadlineMs = performance.now() + RECOVERY_MS;
    const full = (): boolean =>
      this.#bystanders.length >= BYSTANDERS && new Set(this.#bystanders.map(workerOf)).size > 1;
    while (!full() && performance.now() < deadlineMs && !this.#ending.signal.aborted) {
      const port = this.#stage.sluice.mysqlPort;
      const one = await LeanClient.connect({ port, ...APP, schema: 'test' }).catch(() => undefined);
      if (one !== undefined) this.#bystanders.push(one);
      if (this.#bystanders.length < BYSTANDERS) continue;
      // Until the new worker serves, all of them come to the others.
      if (!full()) this.#bystanders.shift()?.destroy();
      await delay(INTERVAL_MS);
    }
  }

  async #killServer(): Promise<void> {
    const database = this.#random.pick(this.#stage.databases);
    this.#restarting = database;
    await database.restart();
    this.#restarting = undefined;
    this.counts.servers += 1;
  }

  /** Long enough for lanes to be left, and short enough for nobody to give up. */
  async #stallServer(): Promise<void> {
    const database = this.#random.pick(this.#stage.databases);
    if (database === this.#restarting) return;
    const { pid } = database;
    process.kill(pid, 'SIGSTOP');
    this.counts.stalls += 1;
    await delay(STALL_MS_MIN + this.#random.below(STALL_MS_MAX - STALL_MS_MIN));
    // It may have been killed meanwhile.
    if (database.pid === pid && database !== this.#restarting) process.kill(pid, 'SIGCONT');
  }
}

function workerOf(client: LeanClient): number {
  return client.threadId >>> SESSION_ID_BITS;
}

/** Its loss is noticed when it is used. */
function quiet(connection: Connection): Connection {
  connection.on('error', () => undefined);
  return connection;
}

async function alive(connection: Connection): Promise<boolean> {
  return connection.ping().then(
    () => true,
    () => false,
  );
}
