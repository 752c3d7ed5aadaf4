/**
 * What every session of a worker shares: the runtime of the moment, pools, caches, counters. Built once by worker.ts;
 * `runtime` is the one field that changes, by one assignment at the commit of a publish.
 */

import type { FastRoutingDirectory } from '../../runtime/fast-routing-directory.ts';
import type { KillOrder, KillVerdict } from '../../runtime/messages.ts';
import type { QuotaHolder } from '../../runtime/quota/holder.ts';
import type { UserLookup } from '../../runtime/user-directory.ts';
import type { MysqlVariables, SluiceVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { EventsLog } from '../events-log/events-log.ts';
import type { GtidSources } from '../gtid/gtid-sources.ts';
import type { BackendUser } from '../hostgroup/connector.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import type { CommandStats } from '../observe/command-stats.ts';
import type { Counters } from '../observe/counters.ts';
import type { DigestStats } from '../observe/digest-stats.ts';
import type { ErrorStats } from '../observe/error-stats.ts';
import type { Logger } from '../observe/logger.ts';
import type { QueryCache } from '../query-cache/query-cache.ts';
import type { Firewall } from '../rules/firewall.ts';
import type { CompiledRules } from '../rules/match.ts';
import type { MatcherThread } from '../rules/matcher-thread.ts';
import type { DigestCache } from '../sql/digest-cache.ts';
import type { Clock } from '../util/clock.ts';
import type { DecisionClasses } from './decide.ts';
import type { DryRunLog } from './dry-run-log.ts';
import type { Lingering } from './leases.ts';
import type { Catalogs } from './masking/catalogs.ts';
import type { MaskingRuntime } from './masking/masking-runtime.ts';
import type { MaskingStats } from './masking/masking-stats.ts';
import type { Refusals } from './masking/refusals.ts';
import type { Mirror } from './mirror.ts';
import type { SchemaCheck } from './schema-check.ts';
import type { Session } from './session.ts';

/** The runtime as the data plane uses it. Read once at the start of a command, never again during it. */
export interface WorkerRuntime {
  readonly generation: number;
  readonly variables: MysqlVariables;
  readonly sluice: SluiceVariables;
  readonly rules: CompiledRules;
  /** undefined when mysql-firewall_whitelist_enabled is false. */
  readonly firewall: Firewall | undefined;
  /** No rule, no fast routing, no firewall: every statement has the same decision. */
  readonly nothingToDecide: boolean;
  readonly classes: DecisionClasses;
  /** The generation in which the rules came; what the matcher thread knows them by. */
  readonly rulesGeneration: number;
  /** Hostgroups whose writes are to be known by the ids of their transactions. */
  readonly gtidSources: GtidSources;
  readonly fastRouting: FastRoutingDirectory;
  readonly frontendUsers: UserLookup;
  readonly backendUsers: UserLookup;
  /** Normalises and classifies under the mysql-query_digests_* variables of this runtime. */
  readonly digests: DigestCache;
  /** Who may see what of which columns. */
  readonly masking: MaskingRuntime;
}

/** What masking shares among the sessions of a worker. */
export interface MaskingContext {
  readonly catalogs: Catalogs;
  readonly stats: MaskingStats;
  readonly refusals: Refusals;
  /** DDL has run: what any worker knows of the servers' catalogs is old. */
  definitionsChanged(): void;
}

export interface WorkerContext {
  runtime: WorkerRuntime;
  /** What these accounts may do is another thing now; an empty list: what anybody may do. */
  rightsChanged(usernames: readonly string[]): void;
  /** Seconds since the epoch, as of the worker's last sweep: good enough for statistics. */
  nowS: number;
  readonly workerIndex: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly hostgroups: HostgroupManager;
  /** This worker's part of the limits that hold over all workers. */
  readonly quotas: QuotaHolder;
  readonly lingering: Lingering;
  readonly matcher: MatcherThread;
  readonly counters: Counters;
  readonly digestStats: DigestStats;
  readonly queryCache: QueryCache;
  readonly mirror: Mirror;
  readonly schemas: SchemaCheck;
  readonly eventsLog: EventsLog;
  readonly commandStats: CommandStats;
  readonly errorStats: ErrorStats;
  /** Hits by rule_id since the rules were loaded. */
  readonly ruleHits: Map<number, number>;
  readonly masking: MaskingContext;
  /** Rules that are only tried out. */
  readonly dryRunLog: DryRunLog;
  /** Sessions by connection id. */
  readonly sessions: Map<number, Session>;
  /** Ends a session of whichever worker, or what it runs. */
  killSession(order: KillOrder): KillVerdict | Promise<KillVerdict>;
  /**
   * Ends what runs on a backend connection, through another connection of the same user. Settles when the server has
   * answered, or could not be reached; never rejects.
   */
  kill(connection: BackendConnection, what: 'QUERY' | 'CONNECTION', user: BackendUser): Promise<void>;
}
