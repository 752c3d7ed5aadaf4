/**
 * Sessions, lanes and pools in simulated time: whatever comes when (answers in pieces, KILLs too early and too late,
 * servers that stall and die, clients that vanish or read slowly), each client gets one answer to each command, its own;
 * no write happens twice, no transaction is split, and nobody waits for ever. The same seed gives the same run, and what
 * takes hours to meet on real servers (chaos/pipelining.test.ts) comes in seconds.
 *
 * SLUICE_SIMULATED_STATEMENTS=1000000 is how many statements a run has, SLUICE_FUZZ_SEED=7 takes that seed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../src/observe/logger.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { type ResponseKind, ResponseWalker } from '../../src/protocol/response-walker.ts';
import { readStatementId } from '../../src/protocol/statement-packets.ts';
import type { Session } from '../../src/session/session.ts';
import { executePayload } from '../helpers/execute-payload.ts';
import { FakeSocket } from '../helpers/fake-socket.ts';
import { Random } from '../helpers/random.ts';
import { SimulatedDatabase } from '../helpers/simulated-database.ts';
import { SimulatedTime } from '../helpers/simulated-time.ts';
import { SimulatedWorker } from '../helpers/simulated-worker.ts';

const STATEMENTS = Number(process.env.SLUICE_SIMULATED_STATEMENTS ?? 2_000);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 1);
const CLIENTS = 24;
/** More than the proxy's own longest wait. */
const ANSWER_MS_MAX = 15_000;
/** Shutdown, interrupted, out of time, killed, lost connection, no connection in time. */
const ALLOWED_ERRORS: ReadonlySet<number> = new Set([1053, 1317, 1907, 1927, 2013, 9001]);

const counts = { statements: 0, answers: 0, errors: 0, left: 0, ended: 0 };

/** A client's end of a connection. */
class ClientSocket extends FakeSocket {
  onWritten: (bytes: Buffer) => void = () => undefined;

  get writableLength(): number {
    return this.full ? 1 : 0;
  }

  override write(bytes: Buffer): boolean {
    if (!this.destroyed) this.onWritten(bytes);
    return !this.full;
  }
}

interface Asked {
  readonly kind: ResponseKind;
  readonly mark: string;
  readonly what: string;
}

class Client {
  readonly acknowledged = new Set<string>();
  /** Committed with an OK. */
  readonly committed = new Set<string>();
  readonly #index: number;
  readonly #random: Random;
  readonly #time: SimulatedTime;
  readonly #worker: SimulatedWorker;
  #session: Session | undefined;
  #socket = new ClientSocket();
  #walker = new ResponseWalker();
  #asked: Asked[] = [];
  #answer: Buffer[] = [];
  #sinceMs = 0;
  #prepared = 0;
  #serial = 0;
  /** Only the step that was planned last is taken. */
  #steps = 0;
  /** What is left of a transaction. */
  #script: { readonly sql: string; readonly mark: string }[] = [];

  constructor(index: number, time: SimulatedTime, worker: SimulatedWorker) {
    this.#index = index;
    this.#time = time;
    this.#worker = worker;
    this.#random = new Random(SEED * 10_000 + index);
    this.#soon();
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** The longest time that the client has waited for an answer; 0 when it does not. */
  get waitsMs(): number {
    return this.#asked.length === 0 ? 0 : this.#time.nowMs() - this.#sinceMs;
  }

  get waits(): boolean {
    return this.#asked.length > 0;
  }

  get waitsFor(): string {
    return JSON.stringify({ asked: this.#asked, row: this.#session?.row() });
  }

  leave(): void {
    this.#session = undefined;
    this.#asked = [];
    this.#socket.hangUp();
  }

  #soon(): void {
    this.#steps += 1;
    const step = this.#steps;
    this.#time.schedule(this.#random.below(5) / 10, () => {
      if (step === this.#steps) this.#step();
    });
  }

  #login(): void {
    const socket = new ClientSocket();
    this.#socket = socket;
    this.#asked = [];
    this.#answer = [];
    this.#script = [];
    this.#prepared = 0;
    socket.onWritten = (bytes) => this.#take(bytes);
    const session = this.#worker.accept(socket, this.#random.chance(50) ? 'one' : 'two');
    this.#session = session;
    socket.on('close', () => {
      if (this.#session !== session) return;
      this.#session = undefined;
      counts.ended += 1;
      this.#soon();
    });
  }

  #step(): void {
    if (counts.statements >= STATEMENTS) return;
    if (this.#session === undefined) this.#login();
    const next = this.#script.shift();
    if (next !== undefined) return this.#ask([this.#query(next.sql, next.mark, next.sql.slice(0, 6))]);
    const dice = this.#random.below(100);
    if (dice < 5) {
      const mark = this.#mark();
      const insert = `INSERT INTO pairs VALUES ('${mark}')`;
      this.#script = ['BEGIN', insert, insert, 'COMMIT'].map((sql) => ({ sql, mark }));
      return this.#step();
    }
    if (this.#prepared === 0 && dice < 50)
      return this.#ask([
        {
          frame: commandFrame(Command.COM_STMT_PREPARE, 'SELECT ?, mark FROM marks WHERE id = ?'),
          asked: { kind: 'prepare', mark: '', what: 'PREPARE' },
        },
      ]);
    const length = this.#random.chance(70) ? 1 : 2 + this.#random.below(5);
    this.#ask(Array.from({ length }, () => this.#one()));
    if (dice >= 98) this.#vanish();
    else if (dice >= 94) this.#readSlowly();
  }

  #one(): { readonly frame: Buffer; readonly asked: Asked } {
    const mark = this.#mark();
    const dice = this.#random.below(100);
    if (dice < 10) return this.#query(`INSERT INTO log VALUES ('${mark}')`, mark, 'WRITE');
    if (dice < 50 && this.#prepared !== 0)
      return {
        frame: commandFrame(Command.COM_STMT_EXECUTE, executePayload(this.#prepared, [mark, '1'])),
        asked: { kind: 'execute', mark, what: 'EXECUTE' },
      };
    const limited = dice > 97 ? '/* query_timeout=20 */ ' : '';
    return this.#query(`${limited}SELECT '${mark}', mark FROM marks WHERE id = 1`, mark, 'SELECT');
  }

  #query(sql: string, mark: string, what: string): { readonly frame: Buffer; readonly asked: Asked } {
    return { frame: commandFrame(Command.COM_QUERY, sql), asked: { kind: 'query', mark, what } };
  }

  #mark(): string {
    this.#serial += 1;
    return `c${this.#index}s${this.#serial}`;
  }

  #ask(commands: readonly { readonly frame: Buffer; readonly asked: Asked }[]): void {
    counts.statements += commands.length;
    this.#asked = commands.map(({ asked }) => asked);
    this.#sinceMs = this.#time.nowMs();
    this.#walker.begin(this.#asked[0]?.kind ?? 'query', true);
    this.#socket.feed(Buffer.concat(commands.map(({ frame }) => frame)));
  }

  #vanish(): void {
    const socket = this.#socket;
    this.#time.schedule(this.#random.below(20) / 10, () => {
      if (socket !== this.#socket || socket.destroyed) return;
      this.#session = undefined;
      this.#asked = [];
      counts.left += 1;
      socket.hangUp();
      this.#soon();
    });
  }

  #readSlowly(): void {
    const socket = this.#socket;
    socket.full = true;
    this.#time.schedule(this.#random.below(300) / 10, () => socket.drain());
  }

  #take(bytes: Buffer): void {
    for (let offset = 0; offset < bytes.length; ) {
      const asked = this.#asked[0];
      if (asked === undefined) {
        if (this.#session === undefined) return;
        throw new Error(`more than an answer: ${JSON.stringify(bytes.toString('latin1', offset))}`);
      }
      const end = this.#walker.push(bytes, offset, bytes.length);
      this.#answer.push(Buffer.from(bytes.subarray(offset, end)));
      offset = end;
      if (this.#walker.done) this.#answered(asked, Buffer.concat(this.#answer.splice(0)));
    }
  }

  #answered(asked: Asked, answer: Buffer): void {
    this.#sinceMs = this.#time.nowMs();
    this.#check(asked, answer);
    this.#asked.shift();
    const next = this.#asked[0];
    if (next !== undefined) this.#walker.begin(next.kind, true);
    else this.#soon();
  }

  #check({ mark, what }: Asked, answer: Buffer): void {
    const walker = this.#walker;
    if (walker.ended === 'error') {
      counts.errors += 1;
      if (!ALLOWED_ERRORS.has(walker.errorCode)) throw new Error(`unexpected: ${answer.toString('latin1')}`);
      // A transaction may be over or not.
      if (['BEGIN', 'INSERT', 'COMMIT'].includes(what)) this.#script = [{ sql: 'ROLLBACK', mark }];
      else if (what === 'ROLLBA') this.#socket.hangUp();
      return;
    }
    counts.answers += 1;
    if (what === 'PREPARE') this.#prepared = readStatementId(answer, 4, answer.length);
    else if (what === 'WRITE') this.acknowledged.add(mark);
    else if (what === 'COMMIT') this.committed.add(mark);
    else if (what === 'SELECT' || what === 'EXECUTE') {
      const marks = answer.toString('latin1').match(/c\d+s\d+/g) ?? [];
      if (marks.length !== 1 || marks[0] !== mark) throw new Error(`'${mark}' got ${marks} by ${what}`);
    }
  }
}

test('every client gets one answer to each command, its own, whatever happens when', async (t) => {
  const time = new SimulatedTime();
  const random = new Random(SEED);
  const servers = new Map(['a', 'b'].map((name) => [name, new SimulatedDatabase(time, random)]));
  const databases = [...servers.values()];
  time.install();
  try {
    const worker = new SimulatedWorker({
      time,
      logger: silentLogger(),
      servers: [...servers.keys()],
      maxConnections: 8,
      connect: (options) => (servers.get(options.home.hostname) as SimulatedDatabase).connect(options),
    });
    const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(index, time, worker));
    const over = (): boolean => counts.statements >= STATEMENTS && !clients.some(({ waits }) => waits);
    const every = (ms: number, attack: () => void): void => {
      time.schedule(random.below(2 * ms), () => {
        if (counts.statements >= STATEMENTS) return;
        attack();
        every(ms, attack);
      });
    };
    const someConnection = (database: SimulatedDatabase): number => random.pick([0, ...database.connections.keys()]);
    every(4, () => random.pick(clients).session?.killed('QUERY'));
    every(12, () => {
      const database = random.pick(databases);
      database.kill(someConnection(database), 'QUERY');
    });
    every(25, () => {
      const database = random.pick(databases);
      database.kill(someConnection(database), 'CONNECTION');
    });
    every(100, () => random.pick(clients).session?.killed('CONNECTION'));
    every(60, () => random.pick(databases).stall(random.below(80)));
    every(700, () => random.pick(databases).crash(random.below(400)));
    const look = (): void => {
      for (const client of clients)
        assert.ok(client.waitsMs < ANSWER_MS_MAX, `somebody waits for ever: ${client.waitsFor}`);
      if (!over()) time.schedule(1_000, look);
    };
    time.schedule(1_000, look);
    await time.run(over);
    for (const client of clients) client.leave();
    // What is under way for nobody ends.
    const endMs = time.nowMs() + 60_000;
    await time.run(() => time.nowMs() >= endMs);
    t.diagnostic(JSON.stringify({ ...counts, simulatedMs: time.nowMs() }));
    const { Sluice_pipelining_joined: joined, Sluice_pipelining_moved: moved } = worker.context.counters;
    t.diagnostic(JSON.stringify({ joined, moved }));
    assert.ok(joined > 0 && moved > 0, 'some shared, and some were moved');

    const times = new Map<string, number>();
    for (const mark of databases.flatMap(({ written }) => written)) times.set(mark, (times.get(mark) ?? 0) + 1);
    for (const [mark, count] of times) assert.equal(count, 1, `${mark} was written ${count} times`);
    for (const client of clients)
      for (const mark of client.acknowledged) assert.ok(times.has(mark), `${mark} was lost`);
    const halves = new Map<string, number>();
    for (const mark of databases.flatMap(({ pairs }) => pairs)) halves.set(mark, (halves.get(mark) ?? 0) + 1);
    for (const [mark, count] of halves) assert.equal(count, 2, `${mark} has ${count} rows`);
    for (const client of clients)
      for (const mark of client.committed) assert.ok(halves.has(mark), `${mark} was not committed`);
    for (const row of worker.context.hostgroups.rows(false))
      assert.equal(row.connUsed, 0, `connections of ${row.srvHost} are in use by nobody`);
  } finally {
    time.uninstall();
  }
});
