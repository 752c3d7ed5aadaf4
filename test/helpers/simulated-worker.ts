/**
 * The data plane of one worker in simulated time: sessions, rules without rules, pools and lanes, as worker.ts puts them
 * together, with clients that have logged in and servers that a test simulates. It holds no expectation.
 */
import { readMysqlVariables } from '../../runtime/variables.ts';
import { ClientConnection } from '../../src/frontend/client-connection.ts';
import type { Connect } from '../../src/hostgroup/connector.ts';
import { HostgroupManager } from '../../src/hostgroup/hostgroup-manager.ts';
import { killOnServer } from '../../src/hostgroup/killer.ts';
import { CommandStats } from '../../src/observe/command-stats.ts';
import { Counters } from '../../src/observe/counters.ts';
import { DigestStats } from '../../src/observe/digest-stats.ts';
import { ErrorStats } from '../../src/observe/error-stats.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import type { WorkerContext } from '../../src/session/context.ts';
import { Lingering } from '../../src/session/leases.ts';
import { Session } from '../../src/session/session.ts';
import { emptyRuntime } from '../../src/worker.ts';
import { ALL_PLACES, serverEntry } from './fake-servers.ts';
import type { FakeSocket } from './fake-socket.ts';
import type { SimulatedTime } from './simulated-time.ts';

const SWEEP_MS = 100;
const COLLATION_ID = 45;

export interface SimulatedWorkerOptions {
  readonly time: SimulatedTime;
  readonly logger: Logger;
  /** Host names of the servers of hostgroup 0. */
  readonly servers: readonly string[];
  /** Connects to the server that `options.home.hostname` names. */
  readonly connect: Connect;
  readonly maxConnections: number;
}

export class SimulatedWorker {
  readonly context: WorkerContext;
  #lastId = 0;

  constructor({ time, logger, servers, connect, maxConnections }: SimulatedWorkerOptions) {
    const variables = readMysqlVariables({ monitor_enabled: 'false' });
    const runtime = emptyRuntime(variables);
    const counters = new Counters();
    const lingering = new Lingering(time);
    const hostgroups = new HostgroupManager({
      logger,
      workerIndex: 0,
      workerCount: 1,
      variables,
      counters,
      clock: time,
      connect,
      places: ALL_PLACES,
      onPressure: () => lingering.sweep(0),
      onFull: () => undefined,
    });
    this.context = {
      runtime,
      workerIndex: 0,
      logger,
      clock: time,
      hostgroups,
      lingering,
      counters,
      digestStats: new DigestStats(),
      eventsLog: { on: false },
      commandStats: new CommandStats(),
      errorStats: new ErrorStats(),
      ruleHits: new Map(),
      masking: { definitionsChanged() {} },
      rightsChanged() {},
      schemas: { ask: () => undefined, forget() {} },
      sessions: new Map<number, Session>(),
      kill: ((connection, what, user) =>
        killOnServer({ connection, what, user, variables, logger, connect })) satisfies WorkerContext['kill'],
    } as unknown as WorkerContext;
    hostgroups.setFewConnections(runtime.sluice.pipelining);
    hostgroups.setHostgroupAttributes([{ hostgroup: 0, pipelining: true, connectsPerSecond: 1_000_000 }]);
    hostgroups.apply(servers.map((hostname) => serverEntry(0, hostname, { maxConnections })));
    const sweep = (): void => {
      hostgroups.sweep();
      lingering.sweep(variables.autoIncrementDelayMultiplexTimeoutMs);
      for (const session of this.context.sessions.values()) session.sweep(time.nowMs());
      time.schedule(SWEEP_MS, sweep);
    };
    time.schedule(SWEEP_MS, sweep);
  }

  /** A client that has just logged in; the caller's end of the socket is its client. */
  accept(socket: FakeSocket, schema: string): Session {
    const { context } = this;
    this.#lastId += 1;
    const session = new Session(context, {
      connectionId: this.#lastId,
      user: {
        username: 'app',
        password: '',
        useSsl: false,
        defaultHostgroup: 0,
        defaultSchema: '',
        schemaLocked: false,
        transactionPersistent: true,
        fastForward: false,
        backend: true,
        frontend: true,
        maxConnections: 10_000,
        attributes: '',
        comment: '',
      },
      backendUser: { username: 'app', secret: {} },
      capabilities: SERVING_CAPABILITIES,
      collationId: COLLATION_ID,
      schema,
    });
    session.client = new ClientConnection(
      socket.socket,
      {
        onCommand: (buffer, start, end, sequenceId) => session.onCommand(buffer, start, end, sequenceId),
        onTooLarge: (_bytes, sequenceId) => session.onTooLarge(sequenceId),
        onReady() {},
        onChangeUser() {},
        onClosed: () => {
          context.sessions.delete(session.connectionId);
          session.onClosed();
        },
      },
      { maxPacketBytes: 1 << 24, proxied: undefined },
    );
    context.sessions.set(session.connectionId, session);
    session.client.start(Buffer.alloc(0));
    return session;
  }
}
