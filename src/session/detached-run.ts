/**
 * A statement that runs for a user and for no client: what its connection is brought to, where it is given back, whom its
 * errors are counted for. What is run, and what becomes of the end, is its maker's; see mirror.ts and schema-check.ts.
 */
import type { UserEntry } from '../../runtime/snapshot.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { MirroredState } from '../backend/mirrored-state.ts';
import type { BackendUser } from '../hostgroup/connector.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import type { WorkerContext } from './context.ts';
import { Cursors } from './cursors.ts';
import { Leases } from './leases.ts';
import type { RunClient, RunOwner } from './run/run-owner.ts';
import type { StatementOutcome } from './run/statement-outcome.ts';
import { StatementRun } from './run/statement-run.ts';
import type { Statement } from './statement.ts';
import { UnmirroredSets } from './unmirrored-sets.ts';

/** In whose name it runs. */
export interface DetachedUser {
  readonly user: Pick<UserEntry, 'username'>;
  readonly backendUser: BackendUser;
  readonly clientAddress: string;
}

/** What came of it: what an answer said, or the error there is instead of one. */
export interface DetachedEnd {
  readonly outcome?: StatementOutcome;
  readonly error?: ProtocolError;
}

const NOBODY: RunClient = {
  socket: { pause: () => undefined, resume: () => undefined, writableLength: 0 },
  write: () => true,
  sentAll: true,
  onceDrained: () => undefined,
  destroy: () => undefined,
  takeFile: () => undefined,
};

const NO_SOURCES: ReadonlySet<number> = new Set();

export class DetachedRun implements RunOwner {
  readonly client = NOBODY;
  readonly leases: Leases;
  readonly cursors: Cursors;
  readonly unmirroredSets = new UnmirroredSets();
  /** It has a connection of its own: it must not hold up anybody. */
  readonly pipelining = false;
  readonly sharesNothing = true;
  /** Nobody reads its answers, and tables count errors as servers say them. */
  readonly likeProxysql = true;
  readonly throttle = undefined;
  /** Nobody reads after it. */
  readonly gtidSources = NO_SOURCES;
  readonly lastInsertId = 0;
  readonly shape: number;
  readonly state: MirroredState;
  readonly #context: WorkerContext;
  readonly #who: DetachedUser;
  readonly #onOver: (end: DetachedEnd) => void;
  readonly #run = new StatementRun(this);

  /**
   * @param state what the connection is brought to
   * @param shape the capabilities the connection is to have
   * @param onOver called once, when all is given back; never after `abandon`
   */
  constructor(
    context: WorkerContext,
    who: DetachedUser,
    state: MirroredState,
    shape: number,
    onOver: (end: DetachedEnd) => void,
  ) {
    this.#context = context;
    this.#who = who;
    this.#onOver = onOver;
    this.leases = new Leases(context.hostgroups, context.lingering);
    this.cursors = new Cursors(this.leases);
    this.state = state;
    this.shape = shape;
  }

  get backendUser(): BackendUser {
    return this.#who.backendUser;
  }

  get hostgroups(): WorkerContext['hostgroups'] {
    return this.#context.hostgroups;
  }

  get counters(): WorkerContext['counters'] {
    return this.#context.counters;
  }

  get variables(): MysqlVariables {
    return this.#context.runtime.variables;
  }

  start(statement: Statement): void {
    this.#run.run(statement);
  }

  /** Called now and then: it has the time limits of any statement. */
  sweep(): void {
    this.#run.sweep();
  }

  abandon(): void {
    this.#run.abandon();
    this.leases.endAll();
  }

  takeNextTransaction(): readonly string[] {
    return [];
  }

  killQuery(connection: BackendConnection): Promise<void> {
    return this.#context.kill(connection, 'QUERY', this.backendUser);
  }

  statementDone(_statement: Statement, outcome: StatementOutcome): void {
    this.#over({ outcome });
  }

  serverRefused(statement: Statement, { home }: BackendConnection, error: ProtocolError): void {
    const { user, clientAddress } = this.#who;
    this.#context.errorStats.record(home, user.username, clientAddress, statement.schema, error);
  }

  statementFailed(_statement: Statement, error: ProtocolError): void {
    this.#over({ error });
  }

  #over(end: DetachedEnd): void {
    // What the statement left on its connection ends here.
    this.leases.endAll();
    this.#onOver(end);
  }
}
