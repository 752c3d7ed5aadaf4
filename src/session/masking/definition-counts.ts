/**
 * How many statements have changed definitions on a server, by its own counters: who sees the same counts again knows that
 * no table, view, routine or trigger has been defined past the proxy. One short question on a connection kept for it; it
 * concludes nothing (catalogs.ts does) and never rejects.
 */
import type { MysqlVariables } from '../../../runtime/variables.ts';
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { BackendUser, Connect } from '../../hostgroup/connector.ts';
import { readRows } from '../../hostgroup/read-rows.ts';
import type { ServerAddress } from '../../hostgroup/server-directory.ts';
import type { Logger } from '../../observe/logger.ts';
import type { Clock } from '../../util/clock.ts';

/** A server that takes longer counts as one that does not tell, in milliseconds. */
export const definitionCountsMsMax = 1000;
/** A server that does not tell is not asked again for that long, in milliseconds. */
export const definitionCountsRetryMs = 5000;
/** Between two questions to a server, in milliseconds: statements with new names wait for the next one together. */
export const definitionCountsSpacingMs = 10;
/** After so many milliseconds without a question its connection is closed. */
export const definitionCountsIdleMs = 30_000;

export interface DefinitionCounts {
  /** Of everything that a statement may reach protected columns through. */
  readonly definitions: string;
  /** Of tables made and dropped. MySQL counts temporary ones too; a base table is known by its columns' own names. */
  readonly tables: string;
}

/** Roles, accounts, servers, events and temporary tables are not among them. */
const QUESTION = `SHOW GLOBAL STATUS WHERE Variable_name REGEXP
  '^Com_(alter|create|drop|rename)_(db|function|index|library|package|package_body|procedure|sequence|table|trigger|view)$'`;
const OF_TABLES = /^Com_(create|drop)_table$/i;

interface Asked {
  connection: BackendConnection | undefined;
  /** The question under way. */
  running: Promise<DefinitionCounts | undefined> | undefined;
  /** The next one, for those who came since. */
  next: Promise<DefinitionCounts | undefined> | undefined;
  askedAtMs: number;
  failedAtMs: number;
}

export interface DefinitionCountersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: Connect;
}

export class DefinitionCounters {
  readonly #options: DefinitionCountersOptions;
  readonly #servers = new Map<string, Asked>();
  #closed = false;

  constructor(options: DefinitionCountersOptions) {
    this.#options = options;
  }

  /**
   * What the server says at a moment after the call; undefined when it does not tell.
   * @param user whose account is used when there is no connection yet; the counters ask for no rights
   */
  ask(server: ServerAddress, user: BackendUser, variables: MysqlVariables): Promise<DefinitionCounts | undefined> {
    const key = `${server.hostname}:${server.port}`;
    let at = this.#servers.get(key);
    if (at === undefined) {
      at = { connection: undefined, running: undefined, next: undefined, askedAtMs: 0, failedAtMs: 0 };
      this.#servers.set(key, at);
    }
    const { clock } = this.#options;
    if (clock.nowMs() - at.failedAtMs < definitionCountsRetryMs) return Promise.resolve(undefined);
    const asked = at;
    asked.next ??= this.#turn(asked).then(() => {
      asked.next = undefined;
      asked.askedAtMs = clock.nowMs();
      asked.running = this.#question(asked, server, user, variables);
      return asked.running;
    });
    return asked.next;
  }

  /** Nobody asks any more. */
  close(): void {
    this.#closed = true;
    for (const { connection } of this.#servers.values()) connection?.destroy();
  }

  /** The question under way is answered, and the last one was asked long enough ago. */
  async #turn(at: Asked): Promise<void> {
    await at.running;
    const { clock } = this.#options;
    const waitMs = at.askedAtMs + definitionCountsSpacingMs - clock.nowMs();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.after(waitMs, resolve));
  }

  async #question(
    at: Asked,
    server: ServerAddress,
    user: BackendUser,
    variables: MysqlVariables,
  ): Promise<DefinitionCounts | undefined> {
    const { clock, logger } = this.#options;
    const tooLong = new Promise<never>((_resolve, reject) =>
      clock.after(definitionCountsMsMax, () => reject(new Error('the server takes too long'))),
    );
    tooLong.catch(() => undefined);
    try {
      const answer = this.#counts(at, server, user, variables);
      answer.catch(() => undefined);
      const counts = await Promise.race([answer, tooLong]);
      at.failedAtMs = 0;
      return counts;
    } catch (err) {
      const { hostname, port } = server;
      logger.warn(
        { err, server: `${hostname}:${port}` },
        'counters of definitions not read; the catalog is read by age',
      );
      at.failedAtMs = clock.nowMs();
      at.connection?.destroy();
      at.connection = undefined;
      return undefined;
    }
  }

  async #counts(
    at: Asked,
    { hostgroup, hostname, port, useSsl }: ServerAddress,
    user: BackendUser,
    variables: MysqlVariables,
  ): Promise<DefinitionCounts> {
    if (at.connection === undefined || at.connection.lost) {
      const home = {
        hostname,
        port,
        hostgroup,
        bytesReceived() {},
        bytesSent() {},
        commandSent() {},
        connectionLost() {},
      };
      const { nowMs } = this.#options.clock;
      const connection = await this.#options.connect({ home, useSsl, user, shape: 0, variables, nowMs });
      // It took too long, and nobody waits any more.
      if (this.#closed || (at.failedAtMs !== 0 && at.connection !== undefined)) connection.destroy();
      at.connection = connection;
      this.#closeWhenIdle(at);
    }
    const rows = await readRows(at.connection, QUESTION);
    const told = rows.map(([name, value]) => ({ name: name ?? '', text: `${name}=${value}` }));
    if (told.length === 0) throw new Error('the server has no such counters');
    const listed = (tables: boolean): string =>
      told
        .filter(({ name }) => OF_TABLES.test(name) === tables)
        .map(({ text }) => text)
        .join();
    return { definitions: listed(false), tables: listed(true) };
  }

  #closeWhenIdle(at: Asked): void {
    const { clock } = this.#options;
    clock.after(definitionCountsIdleMs, () => {
      if (at.connection === undefined) return;
      if (clock.nowMs() - at.askedAtMs < definitionCountsIdleMs) return this.#closeWhenIdle(at);
      at.connection.destroy();
      at.connection = undefined;
    });
  }
}
