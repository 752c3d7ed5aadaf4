/**
 * Whether clients are served: the states behind PROXYSQL START, STOP, PAUSE and RESUME, over all workers.
 * The admin plane lives on in every state. It starts no process and opens no socket itself.
 *
 *   not started ──start──▶ running ◀──resume── paused
 *        ▲                 │  ▲  ╰───pause──────▲
 *        ╰────── stop ─────╯  ╰─start─
 */
import type { Publisher } from './publisher.ts';
import { DEFAULT_MYSQL_INTERFACES, splitInterfaces } from './variables.ts';

/** A command that does not fit the state. The message is ProxySQL's, for the operator. */
export class ModuleRefused extends Error {
  override readonly name = 'ModuleRefused';
}

export interface MysqlModuleOptions {
  readonly publisher: Pick<Publisher, 'current' | 'listen' | 'order'>;
  /** Starts the workers; called once, before anything listens. */
  readonly startWorkers: () => Promise<void>;
}

type State = 'not started' | 'running' | 'paused';

export class MysqlModule {
  readonly #options: MysqlModuleOptions;
  #state: State = 'not started';
  #workers: Promise<void> | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: MysqlModuleOptions) {
    this.#options = options;
  }

  /** Nobody new is let in, though the module runs. */
  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** Starts the workers without letting clients in yet; the runtime can be published to them from here on. */
  prepare(): Promise<void> {
    this.#workers ??= this.#options.startWorkers();
    return this.#workers;
  }

  /** Lets clients in; resolves with where. Rejects when an interface of mysql-interfaces cannot be opened. */
  start(): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      if (this.#state !== 'not started') throw new ModuleRefused('ProxySQL already started');
      await this.prepare();
      const addresses = await this.#listen();
      this.#state = 'running';
      return addresses;
    });
  }

  /** Ends every client session and lets nobody in until start(). */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      this.#state = 'not started';
      await this.#options.publisher.listen([]);
      await this.#options.publisher.order({ kind: 'end-sessions' });
    });
  }

  /** Lets nobody new in; sessions go on. */
  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'not started') throw new ModuleRefused(`${NOT_RUNNING} pause`);
      if (this.#state === 'paused') {
        throw new ModuleRefused('ProxySQL MySQL module is already paused, impossible to pause');
      }
      await this.#options.publisher.listen([]);
      this.#state = 'paused';
    });
  }

  /** Lets clients in again. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'not started') throw new ModuleRefused(`${NOT_RUNNING} resume`);
      if (this.#state === 'running') {
        throw new ModuleRefused('ProxySQL MySQL module is not paused, impossible to resume');
      }
      await this.#listen();
      this.#state = 'running';
    });
  }

  async #listen(): Promise<readonly string[]> {
    const { publisher } = this.#options;
    const interfaces = splitInterfaces(publisher.current.mysqlVariables.interfaces || DEFAULT_MYSQL_INTERFACES);
    try {
      return await publisher.listen(interfaces);
    } catch (error) {
      throw new Error(`mysql-interfaces: ${(error as Error).message}`, { cause: error });
    }
  }

  /** One command after the other: two operators at once shall not leave the module half open. */
  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(action, action);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}

const NOT_RUNNING = 'ProxySQL MySQL module not running, impossible to';
