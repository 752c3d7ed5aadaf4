/**
 * Composition root of one worker: a full data plane that is fed by messages and answers by messages, in the primary's
 * own process or in one of its children. It imports no admin plane and opens no database.
 */

import type { Socket } from 'node:net';
import {
  type KillOrder,
  type KillVerdict,
  type PrimaryToWorker,
  sessionWorkerOf,
  type WorkerToPrimary,
} from '../runtime/messages.ts';
import { digestSliceRowsMax, packDigests } from '../runtime/packed-digests.ts';
import { QuotaHolder } from '../runtime/quota/holder.ts';
import { CLIENTS_KEY, type QuotaKey, usernameOf } from '../runtime/quota/messages.ts';
import type { RouteExplanation, RouteQuestion } from '../runtime/route.ts';
import { type AppliedParts, emptyWorkerSnapshot, Subscriber, type WorkerSnapshot } from '../runtime/subscriber.ts';
import { type MysqlVariables, readMysqlVariables, readSluiceVariables } from '../runtime/variables.ts';
import type { WorkerOrder } from '../runtime/worker-order.ts';
import { EventsLog } from './events-log/events-log.ts';
import { FairShare } from './frontend/fair-share.ts';
import { Frontend } from './frontend/login.ts';
import { gtidSourcesOf } from './gtid/gtid-sources.ts';
import { type Connect, openBackendConnection } from './hostgroup/connector.ts';
import { HostgroupManager } from './hostgroup/hostgroup-manager.ts';
import { killOnServer } from './hostgroup/killer.ts';
import { BackendTls } from './net/backend-tls.ts';
import { bareSocket } from './net/bare-socket.ts';
import { busyPoll } from './net/busy-poll.ts';
import { createListener, parseInterfaces } from './net/listener.ts';
import type { StreamHandle } from './net/stream-binding.ts';
import { type TlsIdentity, tlsFromPem } from './net/tls.ts';
import { CommandStats } from './observe/command-stats.ts';
import { Counters } from './observe/counters.ts';
import { DigestStats } from './observe/digest-stats.ts';
import { ErrorStats } from './observe/error-stats.ts';
import type { Logger } from './observe/logger.ts';
import { usableProcessors } from './processors.ts';
import { QueryCache } from './query-cache/query-cache.ts';
import { compileRules } from './rules/compile.ts';
import { Firewall } from './rules/firewall.ts';
import { MatcherThread } from './rules/matcher-thread.ts';
import type { WorkerContext, WorkerRuntime } from './session/context.ts';
import { DecisionClasses } from './session/decide.ts';
import { DryRunLog } from './session/dry-run-log.ts';
import { explainRoute } from './session/explain-route.ts';
import { Lingering } from './session/leases.ts';
import { Catalogs } from './session/masking/catalogs.ts';
import { MaskingRuntime } from './session/masking/masking-runtime.ts';
import { MaskingStats } from './session/masking/masking-stats.ts';
import { Refusals } from './session/masking/refusals.ts';
import { Mirror } from './session/mirror.ts';
import { SchemaCheck } from './session/schema-check.ts';
import type { Session } from './session/session.ts';
import { WorkerRows } from './session/worker-rows.ts';
import { DigestCache } from './sql/digest-cache.ts';
import { type Clock, SYSTEM_CLOCK } from './util/clock.ts';
import { nextTurn } from './util/turn.ts';

/** How often everything with a deadline is looked at, in ms: no statement and no session has a timer of its own. */
export const sweepIntervalMs = 100;

const MIB = 1024 * 1024;

/** Who has but one processor would wait awake in the way of everybody else. */
const mayPoll = usableProcessors() > 1;

export interface WorkerOptions {
  readonly index: number;
  /** Workers in all, which share the limits that hold over all of them. */
  readonly count: number;
  readonly logger: Logger;
  readonly tls: TlsIdentity;
  /** Where files with relative names go. */
  readonly dataDir: string;
  /** Tests have a clock and servers of their own. */
  readonly clock?: Clock;
  readonly connect?: Connect;
  send(message: WorkerToPrimary): void;
  /** Gives a client that was just accepted to another worker; where there is none, all stay. */
  readonly passClient?: (to: number, client: StreamHandle) => void;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #subscriber = new Subscriber((snapshot, changed) => this.#apply(snapshot, changed));
  readonly #context: WorkerContext;
  readonly #frontend: Frontend;
  readonly #rows: WorkerRows;
  #tls: TlsIdentity;
  readonly #backendTls = new BackendTls();
  readonly #sweepTimer: NodeJS.Timeout;
  readonly #share: FairShare | undefined;
  /** KILLs of sessions of other workers, by request; the primary answers each. */
  readonly #awaitingKill = new Map<number, (verdict: KillVerdict) => void>();
  #killRequests = 0;
  readonly #listener = createListener((socket) => void this.#frontend.accept(socket), {
    bare: true,
    passesOn: (client) => this.#passesOn(client),
  });

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#tls = options.tls;
    const variables = readMysqlVariables({});
    const clock = options.clock ?? SYSTEM_CLOCK;
    const lingering = new Lingering(clock);
    const counters = new Counters();
    const { logger } = options;
    const quotas = new QuotaHolder({
      shared: options.count > 1,
      limitOf: (key) => this.#limitOf(key),
      send: options.send,
      usedOf: (key) => this.#frontend.places.usedOf(key) ?? hostgroups.placesUsed(key),
      free: (key, count) => hostgroups.freePlaces(key, count),
      onGrant: (key) => hostgroups.onPlaces(key),
    });
    const connect: Connect =
      options.connect ?? ((wanted) => openBackendConnection({ ...wanted, tls: this.#backendTls }));
    const hostgroups = new HostgroupManager({
      logger,
      workerIndex: options.index,
      workerCount: options.count,
      variables,
      counters,
      clock,
      connect,
      places: quotas,
      onPressure: () => lingering.sweep(0),
      onFull: (limit) => {
        if (options.count > 1) options.send({ type: 'server-full', ...limit });
      },
    });
    const catalogs = new Catalogs({ hostgroups, clock, logger, connect });
    this.#context = {
      runtime: emptyRuntime(variables),
      nowS: Math.floor(clock.nowMs() / 1000),
      workerIndex: options.index,
      logger,
      clock,
      hostgroups,
      quotas,
      lingering,
      matcher: new MatcherThread(),
      counters,
      digestStats: new DigestStats(),
      queryCache: new QueryCache(counters),
      mirror: new Mirror(() => this.#context),
      schemas: new SchemaCheck(() => this.#context),
      eventsLog: new EventsLog({ dataDir: options.dataDir, logger, counters }),
      commandStats: new CommandStats(),
      errorStats: new ErrorStats(),
      ruleHits: new Map(),
      masking: {
        catalogs,
        stats: new MaskingStats(),
        refusals: new Refusals(logger, clock),
        definitionsChanged: () => {
          if (this.#context.runtime.masking.policy.columns.length === 0) return;
          catalogs.outdated();
          if (options.count > 1) options.send({ type: 'definitions-changed' });
        },
      },
      rightsChanged: (usernames) => {
        this.#renewRights(usernames);
        if (options.count > 1) options.send({ type: 'rights-changed', usernames });
      },
      dryRunLog: new DryRunLog(logger, () => clock.nowMs()),
      sessions: new Map<number, Session>(),
      killSession: (order) => {
        if (sessionWorkerOf(order.sessionId) === options.index) return this.#killHere(order);
        const requestId = ++this.#killRequests;
        options.send({ type: 'kill-session', requestId, order });
        return new Promise((resolve) => this.#awaitingKill.set(requestId, resolve));
      },
      kill: (connection, what, user) => {
        if (what === 'QUERY') counters.mysql_killed_backend_queries += 1;
        else counters.mysql_killed_backend_connections += 1;
        return killOnServer({ connection, what, user, variables: this.#context.runtime.variables, logger, connect });
      },
    };
    this.#share =
      options.passClient === undefined || options.count === 1
        ? undefined
        : new FairShare(
            options.index,
            () => this.#frontend.clients,
            (clients) => options.send({ type: 'load', clients }),
            clock,
          );
    this.#frontend = new Frontend(this.#context, () => this.#tls, this.#share);
    this.#rows = new WorkerRows(this.#context, () => this.#frontend.places.byUser);
    this.#sweepTimer = setInterval(() => this.sweep(), sweepIntervalMs);
    this.#sweepTimer.unref();
  }

  #passesOn(client: StreamHandle): boolean {
    const to = this.#share?.passOnTo();
    if (to === undefined) return false;
    this.#options.passClient?.(to, client);
    return true;
  }

  /** A client that another worker has accepted. */
  takeClient(client: StreamHandle): void {
    const socket = this.#frontend.draining ? undefined : bareSocket(client);
    if (socket === undefined) return client.close();
    client.setNoDelay?.(true);
    void this.#frontend.accept(socket as unknown as Socket);
  }

  #renewRights(usernames: readonly string[]): void {
    this.#context.hostgroups.renew(usernames);
    this.#context.schemas.forget();
  }

  /** Everything that is due by the clock; called by this worker's one timer. */
  sweep(): void {
    const { hostgroups, lingering, runtime, sessions, clock, queryCache, mirror } = this.#context;
    hostgroups.sweep();
    const { autoIncrementDelayMultiplexTimeoutMs, connectionDelayMultiplexMs } = runtime.variables;
    lingering.sweep(autoIncrementDelayMultiplexTimeoutMs, connectionDelayMultiplexMs);
    const nowMs = clock.nowMs();
    this.#context.nowS = Math.floor(nowMs / 1000);
    for (const session of sessions.values()) session.sweep(nowMs);
    queryCache.sweep(nowMs);
    mirror.sweep();
  }

  /** Every message of the primary comes in here. */
  receive(message: PrimaryToWorker): void {
    switch (message.type) {
      case 'publish-begin':
      case 'publish-slice':
      case 'publish-commit': {
        const applied = this.#subscriber.handle(message);
        if (applied !== undefined) this.#options.send({ type: 'applied', generation: applied });
        return;
      }
      case 'listen':
        void this.#listen(message.requestId, message.interfaces);
        return;
      case 'collect-digests':
        void this.#sendDigests(message.requestId, message.reset);
        return;
      case 'collect':
        this.#options.send({
          type: 'rows',
          requestId: message.requestId,
          rows: this.#rows.collect(message.kind, message.reset),
        });
        return;
      case 'explain-route':
        void this.#explainRoute(message.requestId, message.question);
        return;
      case 'kill-session': {
        const { requestId, order } = message;
        return this.#options.send({ type: 'session-killed', requestId, verdict: this.#killHere(order) });
      }
      case 'session-killed':
        this.#awaitingKill.get(message.requestId)?.(message.verdict);
        this.#awaitingKill.delete(message.requestId);
        return;
      case 'definitions-changed':
        this.#context.masking.catalogs.outdated();
        return;
      case 'rights-changed':
        this.#renewRights(message.usernames);
        return;
      case 'server-full':
        this.#context.hostgroups.closeFree(message);
        return;
      case 'order':
        void this.#obey(message.order).then((found) => {
          this.#options.send({ type: 'obeyed', requestId: message.requestId, found });
        });
        return;
      case 'drain':
        void this.#drain(message.deadlineMs);
        return;
      case 'quota-grant':
      case 'quota-recall':
        return this.#context.quotas.receive(message);
      case 'loads':
        return this.#share?.learn(message.clients);
      case 'init':
      case 'client':
        // Of the process's own: they come with what is no message.
        return;
    }
  }

  #killHere({ sessionId, what, username }: KillOrder): KillVerdict {
    const victim = this.#context.sessions.get(sessionId);
    if (victim === undefined) return 'unknown';
    if ((username ?? victim.user.username) !== victim.user.username) return 'not-yours';
    victim.killed(what);
    return 'killed';
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    clearInterval(this.#sweepTimer);
    const closed = this.#listener.close();
    for (const session of this.#context.sessions.values()) session.client.destroy();
    this.#context.mirror.close();
    this.#context.masking.catalogs.close();
    this.#context.hostgroups.close();
    await this.#context.matcher.close();
    await this.#context.eventsLog.close();
    await closed;
  }

  #apply(snapshot: WorkerSnapshot, changed: AppliedParts): void {
    const context = this.#context;
    const before = context.runtime;
    const variables = changed.has('mysqlVariables') ? readMysqlVariables(snapshot.mysqlVariables) : before.variables;
    const rulesChanged = changed.has('queryRules') || regexSettings(variables) !== regexSettings(before.variables);
    const ruleOptions = { iterations: variables.queryProcessorIterations, regexEngine: regexEngineOf(variables) };
    const rules = rulesChanged ? compileRules(snapshot.queryRules, ruleOptions).rules : before.rules;
    const firewallChanged = changed.has('firewallUsers') || changed.has('firewallRules');
    const keptFirewall = firewallChanged ? undefined : before.firewall;
    const firewall = variables.firewallWhitelistEnabled
      ? (keptFirewall ?? new Firewall(snapshot.firewallUsers, snapshot.firewallRules))
      : undefined;
    const sluice = changed.has('sluiceVariables') ? readSluiceVariables(snapshot.sluiceVariables) : before.sluice;
    const maskingChanged = changed.has('maskingColumns') || changed.has('maskingUsers') || sluice !== before.sluice;
    const { maskingColumns: columns, maskingUsers: users } = snapshot;
    context.runtime = {
      generation: snapshot.generation,
      variables,
      sluice,
      masking: maskingChanged ? new MaskingRuntime({ columns, users, sluice }) : before.masking,
      rules,
      rulesGeneration: rulesChanged ? snapshot.generation : before.rulesGeneration,
      gtidSources:
        changed.has('queryRules') || changed.has('servers') || changed.has('mysqlVariables')
          ? gtidSourcesOf(snapshot.queryRules, snapshot.servers, variables.defaultSessionTrackGtids === 'OWN_GTID')
          : before.gtidSources,
      fastRouting: snapshot.fastRouting,
      firewall,
      nothingToDecide: rules.empty && snapshot.fastRouting.size === 0 && firewall === undefined,
      classes: new DecisionClasses(),
      frontendUsers: snapshot.users.frontend,
      backendUsers: snapshot.users.backend,
      digests:
        digestSettings(variables) === digestSettings(before.variables) ? before.digests : newDigestCache(variables),
    };
    if (rulesChanged) context.matcher.load(snapshot.queryRules, ruleOptions, snapshot.generation);
    if (changed.has('queryRules')) {
      context.ruleHits.clear();
      for (const rule of snapshot.queryRules) context.ruleHits.set(rule.ruleId, 0);
    }
    if (maskingChanged) for (const session of context.sessions.values()) session.maskingChanged();
    context.hostgroups.setVariables(variables);
    busyPoll.setLimit(mayPoll ? context.runtime.sluice.busyPoll : 0);
    context.eventsLog.configure(variables);
    context.hostgroups.setFewConnections(context.runtime.sluice.pipelining);
    context.queryCache.setBytesMax(Math.floor((variables.queryCacheSizeMB * MIB) / this.#options.count));
    if (changed.has('hostgroupAttributes')) context.hostgroups.setHostgroupAttributes(snapshot.hostgroupAttributes);
    if (changed.has('serverSslParams') || changed.has('mysqlVariables'))
      this.#backendTls.configure(snapshot.serverSslParams, variables);
    if (changed.has('servers')) context.hostgroups.apply(snapshot.servers);
  }

  /** A limit over all workers, as this worker's runtime has it. */
  #limitOf(key: QuotaKey): number {
    const { variables, frontendUsers } = this.#context.runtime;
    if (key === CLIENTS_KEY) return variables.maxConnections;
    return frontendUsers.get(usernameOf(key) ?? '')?.maxConnections ?? 0;
  }

  /** In slices, so that statements are not held up by a table of two hundred thousand digests. */
  async #sendDigests(requestId: number, reset: boolean): Promise<void> {
    const rows = this.#context.digestStats.rows(reset);
    for (let from = 0; from === 0 || from < rows.length; from += digestSliceRowsMax) {
      if (from > 0) await nextTurn();
      const packed = packDigests(rows.slice(from, from + digestSliceRowsMax));
      this.#options.send({ type: 'digests', requestId, packed, last: from + digestSliceRowsMax >= rows.length });
    }
  }

  async #listen(requestId: number, interfaces: readonly string[]): Promise<void> {
    try {
      await this.#listener.rebind(parseInterfaces(interfaces.join(';')));
      this.#options.send({ type: 'listening', requestId, addresses: this.#listener.addresses, error: undefined });
    } catch (error) {
      this.#options.send({ type: 'listening', requestId, addresses: [], error: (error as Error).message });
    }
  }

  async #explainRoute(requestId: number, question: RouteQuestion): Promise<void> {
    let explanation: RouteExplanation;
    try {
      explanation = await explainRoute(this.#context, question, this.#listener.addresses);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a bug ended EXPLAIN ROUTE');
      explanation = { error: 'the worker failed to explain it; its log says why' };
    }
    this.#options.send({ type: 'route', requestId, explanation });
  }

  /** Returns whether there was something to do it to. */
  async #obey(order: WorkerOrder): Promise<boolean> {
    const { sessions } = this.#context;
    switch (order.kind) {
      case 'end-sessions':
        for (const session of sessions.values()) session.killed('CONNECTION');
        return true;
      case 'kill-session':
        return this.#killHere({ sessionId: order.sessionId, what: 'CONNECTION', username: undefined }) === 'killed';
      case 'use-certificate':
        this.#tls = tlsFromPem(order.tls);
        return true;
      case 'skip-session-id':
        // Before clients are let in, nobody counts.
        if (this.#listener.addresses.length > 0) this.#frontend.skipConnectionId();
        return true;
      case 'flush-query-cache':
        this.#context.queryCache.flush();
        return true;
      case 'flush-logs':
        await this.#context.eventsLog.rotate();
        return true;
      case 'flush-client-hosts':
        // There are none yet.
        return true;
    }
  }

  /** Takes no new clients, lets statements and transactions end until the deadline, then closes what is left. */
  async #drain(deadlineMs: number): Promise<void> {
    void this.#listener.close();
    this.#frontend.drain();
    const until = Date.now() + deadlineMs;
    while (this.#context.sessions.size > 0 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.close();
    this.#options.send({ type: 'drained' });
  }
}

/** What holds until the first generation is there: nobody may log in, and nothing has a rule. */
export function emptyRuntime(variables: MysqlVariables): WorkerRuntime {
  const empty = emptyWorkerSnapshot();
  const sluice = readSluiceVariables({});
  return {
    generation: 0,
    variables,
    sluice,
    masking: new MaskingRuntime({ columns: [], users: [], sluice }),
    rules: compileRules([], { iterations: 0, regexEngine: 1 }).rules,
    rulesGeneration: 0,
    gtidSources: new Set(),
    fastRouting: empty.fastRouting,
    firewall: undefined,
    nothingToDecide: true,
    classes: new DecisionClasses(),
    frontendUsers: empty.users.frontend,
    backendUsers: empty.users.backend,
    digests: newDigestCache(variables),
  };
}

function newDigestCache(v: MysqlVariables): DigestCache {
  return new DigestCache({
    digest: {
      maxDigestLength: v.queryDigestsMaxDigestLength,
      maxQueryLength: v.queryDigestsMaxQueryLength,
      groupingLimit: v.queryDigestsGroupingLimit,
      groupsGroupingLimit: v.queryDigestsGroupsGroupingLimit,
      keepComment: v.queryDigestsKeepComment,
      lowercase: v.queryDigestsLowercase,
      replaceNull: v.queryDigestsReplaceNull,
      noDigits: v.queryDigestsNoDigits,
      normalizeDigestText: v.queryDigestsNormalizeDigestText,
    },
  });
}

function digestSettings(v: MysqlVariables): string {
  return Object.entries(v)
    .filter(([name]) => name.startsWith('queryDigests'))
    .join();
}

function regexEngineOf(v: MysqlVariables): 1 | 2 {
  return v.queryProcessorRegex === 2 ? 2 : 1;
}

function regexSettings(v: MysqlVariables): string {
  return `${v.queryProcessorRegex},${v.queryProcessorIterations}`;
}
