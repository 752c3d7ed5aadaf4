/**
 * One session through a proxy and its twin straight on a server of its own, which send the same and must be told the
 * same. It chooses nothing.
 */
import { Command } from '../../src/protocol/commands.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import type { Random } from './random.ts';
import type { Step } from './random-session.ts';
import { APP } from './stage.ts';
import { type WireAnswer, WireClient } from './wire-client.ts';

const TRANSACTION_FLAGS = StatusFlag.AUTOCOMMIT | StatusFlag.IN_TRANS;
const NO_TRANSACTION: ReadonlySet<number> = new Set([StatusFlag.AUTOCOMMIT]);

const TELLS_STATUS: Step = { kind: 'query', sql: 'SELECT 1 FROM (SELECT 1) AS one' };

/** The last steps a failure shows. */
const JOURNAL_SHOWN = 25;

export class Difference extends Error {
  readonly step: string;
  readonly through: readonly string[];
  readonly direct: readonly string[];

  constructor(journal: readonly string[], through: readonly string[], direct: readonly string[]) {
    const parts = ['the answers differ after', ...journal.slice(-JOURNAL_SHOWN), 'through the proxy:', ...through];
    super([...parts, 'without it:', ...direct].join('\n'));
    this.step = journal.at(-1) ?? '';
    this.through = through;
    this.direct = direct;
  }
}

/** One session and its twin, which does the same without a proxy. */
export class Pair {
  readonly schemas: readonly string[];
  /** It may have something of its own on a connection. */
  stateful = false;
  readonly journal: string[] = [];
  readonly #connect: () => Promise<[WireClient, WireClient]>;
  readonly #statements = new Map<string, readonly [number, number]>();
  #lastStatus: number = StatusFlag.AUTOCOMMIT;
  #insertIdUnknown = false;
  #transactionUnknown = false;
  #clients: [WireClient, WireClient] | undefined;

  constructor(index: number, ports: readonly number[]) {
    this.schemas = [`own_${index}`, `other_${index}`];
    const deprecateEof = index % 2 === 0;
    this.#connect = async () => {
      const [through, direct] = await Promise.all(
        ports.map((port) => WireClient.connect({ port, ...APP, schema: `own_${index}`, deprecateEof })),
      );
      return [through as WireClient, direct as WireClient];
    };
  }

  async run(step: Step): Promise<void> {
    // An INSERT that fails may have used up an id; the proxy is not told which.
    if (this.#insertIdUnknown && step.kind === 'query' && step.sql === 'SELECT LAST_INSERT_ID()') return;
    this.#clients ??= await this.#connect();
    const clients = this.#clients;
    this.journal.push(JSON.stringify(step));
    if (step.kind === 'prepared') return this.#runPrepared(step.sql, step.params);
    this.#compare(
      ...(await both((_, i) => {
        const client = clients[i];
        if (step.kind === 'query') return client.query(step.sql);
        if (step.kind === 'init-db') return client.command(Command.COM_INIT_DB, step.schema);
        return step.kind === 'ping' ? client.command(Command.COM_PING) : client.reset();
      })),
    );
    if (step.kind === 'reset') this.#statements.clear();
    if (this.#transactionUnknown && step !== TELLS_STATUS) await this.run(TELLS_STATUS);
  }

  /** Ends what the session keeps, in one of the ways clients do. */
  async release(random: Random): Promise<void> {
    if (random.chance(50)) {
      // A reset keeps the character set on one side only: see docs/COMPATIBILITY.md.
      await this.run({ kind: 'reset' });
      await this.run({ kind: 'init-db', schema: this.schemas[0] as string });
      await this.run({ kind: 'query', sql: 'SET NAMES utf8mb4' });
    } else this.disconnect();
    this.stateful = false;
  }

  disconnect(): void {
    for (const client of this.#clients ?? []) client.destroy();
    this.#clients = undefined;
    this.#lastStatus = StatusFlag.AUTOCOMMIT;
    this.#transactionUnknown = false;
    this.#statements.clear();
    this.journal.push('disconnect');
  }

  async #runPrepared(sql: string, params: readonly string[]): Promise<void> {
    const clients = this.#clients as [WireClient, WireClient];
    let ids = this.#statements.get(sql);
    if (ids === undefined) {
      const answers = await both((_, i) => clients[i].prepare(sql));
      this.#compare(...answers);
      if (answers[0].errorCode !== 0) return;
      ids = [answers[0].statementId, answers[1].statementId];
      this.#statements.set(sql, ids);
    }
    const known = ids;
    this.#compare(...(await both((_, i) => clients[i].execute(known[i], params))));
  }

  #compare(through: WireAnswer, direct: WireAnswer): void {
    // An error does not tell whether a transaction is open: the proxy has to guess until the next answer.
    if (direct.errorCode !== 0) this.#insertIdUnknown = true;
    else if (direct.lines.some((line) => /^OK .* id=[1-9]/.test(line))) this.#insertIdUnknown = false;
    if (direct.errorCode === 0) this.#lastStatus = direct.statusFlags;
    this.#transactionUnknown = direct.errorCode !== 0 && !NO_TRANSACTION.has(this.#lastStatus & TRANSACTION_FLAGS);
    if (through.lines.join('\n') === direct.lines.join('\n')) return;
    throw new Difference(this.journal, through.lines, direct.lines);
  }
}

async function both(run: (_: undefined, index: 0 | 1) => Promise<WireAnswer>): Promise<[WireAnswer, WireAnswer]> {
  return Promise.all([run(undefined, 0), run(undefined, 1)]);
}
