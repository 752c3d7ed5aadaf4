/**
 * What a run asks of its session, and tells it: the one interface between run/ and the rest of session/. Sessions have it,
 * and copies that are mirrored. It holds no state.
 */
import type { MysqlVariables } from '../../../runtime/variables.ts';
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { MirroredState } from '../../backend/mirrored-state.ts';
import type { ClientConnection } from '../../frontend/client-connection.ts';
import type { GtidSources } from '../../gtid/gtid-sources.ts';
import type { BackendUser } from '../../hostgroup/connector.ts';
import type { HostgroupManager } from '../../hostgroup/hostgroup-manager.ts';
import type { Counters } from '../../observe/counters.ts';
import type { ProtocolError } from '../../protocol/errors.ts';
import type { Cursors } from '../cursors.ts';
import type { Leases } from '../leases.ts';
import type { Statement } from '../statement.ts';
import type { Throttle } from '../throttle.ts';
import type { UnmirroredSets } from '../unmirrored-sets.ts';
import type { StatementOutcome } from './statement-outcome.ts';

/** Where answers go, and what a run asks of it. */
export interface RunClient
  extends Pick<ClientConnection, 'write' | 'sentAll' | 'onceDrained' | 'destroy' | 'takeFile'> {
  readonly socket: { pause(): unknown; resume(): unknown; readonly writableLength: number };
}

/** What the run needs of its session. */
export interface RunOwner {
  readonly client: RunClient;
  readonly leases: Leases;
  readonly cursors: Cursors;
  readonly unmirroredSets: UnmirroredSets;
  readonly hostgroups: HostgroupManager;
  readonly variables: MysqlVariables;
  readonly state: MirroredState;
  readonly backendUser: BackendUser;
  readonly shape: number;
  readonly lastInsertId: number | bigint;
  readonly counters: Counters;
  /** Hostgroups of which a session has to know its last write; see gtid_from_hostgroup. */
  readonly gtidSources: GtidSources;
  /** sluice-strict is off: answers are as ProxySQL gives them where a server's own would tell more, or be right. */
  readonly likeProxysql: boolean;
  /** Statements may share connections, as far as the configuration goes. */
  readonly pipelining: boolean;
  /** Nothing of the session is on a connection, nor has to be on the next. */
  readonly sharesNothing: boolean;
  /** Set while clients get only so many bytes in a second. */
  readonly throttle: Throttle | undefined;
  /** Each `SET TRANSACTION …` that waits for the next transaction. */
  takeNextTransaction(): readonly string[];
  /** Ends what runs on the connection, and nothing else; settles when the server has taken it, or never will. */
  killQuery(connection: BackendConnection): Promise<void>;
  /** The answer is with the client, except for a PREPARE, whose raw answer comes along. */
  statementDone(
    statement: Statement,
    outcome: StatementOutcome,
    prepareAnswer: Buffer | undefined,
    connection: BackendConnection,
  ): void;
  /** A server answered with an error, or was lost; it counts for the server. */
  serverRefused(statement: Statement, connection: BackendConnection, error: ProtocolError): void;
  /** Nothing of an answer is with the client yet. */
  statementFailed(statement: Statement, error: ProtocolError): void;
}
