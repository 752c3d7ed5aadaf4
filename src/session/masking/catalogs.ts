/**
 * The catalogs of the servers as this worker knows them: one per hostgroup and reading account, from every server of the
 * hostgroup, read when needed, kept for sluice-masking_catalog_interval and made old by DDL: by that which comes through
 * this proxy at once, by any other when the servers' counters tell (definition-counts.ts). Unknown is unknown: who asks has
 * to wait or refuse.
 */
import { isDeepStrictEqual } from 'node:util';
import type { BackendUser, Connect } from '../../hostgroup/connector.ts';
import type { HostgroupManager } from '../../hostgroup/hostgroup-manager.ts';
import { catalogOf } from '../../masking/catalog.ts';
import { Judge } from '../../masking/judge.ts';
import { ordersThatStay } from '../../masking/row-order.ts';
import type { Logger } from '../../observe/logger.ts';
import type { Clock } from '../../util/clock.ts';
import type { WorkerRuntime } from '../context.ts';
import { DefinitionCounters, type DefinitionCounts } from './definition-counts.ts';
import { loadCatalog, type ServerCatalog } from './load-catalog.ts';
import type { MaskingRuntime } from './masking-runtime.ts';

/** One kind of server within a hostgroup; usually there is one. */
export interface JudgeOfServer {
  readonly judge: Judge;
  /** Of a fresh connection. */
  readonly sqlMode: string;
}

export interface Judges {
  /** Another number whenever a verdict may be another. */
  readonly generation: number;
  /** Another text whenever what masking makes of an answer may be another. */
  readonly key: string;
  /** More than one: the servers of the hostgroup differ, and what they agree upon counts. */
  readonly list: readonly JudgeOfServer[];
}

/**
 * After definitions were found changed, the catalog is read once more that much later, in milliseconds: a server counts a
 * statement when it begins, and what it defines may be there only when it ends.
 */
const READ_AGAIN_MS = 1000;

/** For tables that come and go alone the catalog is read at most that often, in milliseconds, and a tenth of the time. */
const TABLES_READ_MS_MIN = 1000;
const TABLES_READ_SHARE = 10;

interface Entry {
  catalogs: readonly ServerCatalog[];
  loadedAtMs: number;
  /** How long reading it took. */
  readMs: number;
  /** By server, as they were before the catalog was read. */
  counts: ReadonlyMap<string, DefinitionCounts>;
  /** Nothing had changed at that time. */
  checkedAtMs: number;
  checking: Promise<void> | undefined;
  /** It is read again then. */
  againAtMs: number;
  loading: Promise<void> | undefined;
  /** The counts before that which is being read. */
  readingCounts: ReadonlyMap<string, DefinitionCounts> | undefined;
  judges: Judges | undefined;
  /** The generation of the masking the judges are for. */
  maskingGeneration: number;
  /** What the log has been told of them. */
  orders: ReadonlySet<string>;
}

export interface CatalogsOptions {
  readonly hostgroups: HostgroupManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: Connect;
}

/** Of a catalog that was never read, or is no longer true. */
const NEVER = Number.NEGATIVE_INFINITY;

let generations = 0;

export class Catalogs {
  readonly #options: CatalogsOptions;
  readonly #counters: DefinitionCounters;
  /** By hostgroup and by the user who reads. */
  readonly #entries = new Map<number, Map<string, Entry>>();

  constructor(options: CatalogsOptions) {
    this.#options = options;
    this.#counters = new DefinitionCounters(options);
  }

  /** The worker ends: no connection of ours keeps it. */
  close(): void {
    this.#counters.close();
  }

  /** The judges for a hostgroup, when its catalog is known and new enough; else undefined: ask `load`. */
  current(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Judges | undefined {
    const entry = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    if (entry === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    if (!serves(runtime, entry, nowMs)) return undefined;
    const { maskingDefinitionsInterval: checkInterval, maskingCatalogInterval: interval } = runtime.sluice;
    const unchecked = checkInterval === 0 ? 0 : nowMs - entry.checkedAtMs;
    if (unchecked > 2 * checkInterval) return undefined;
    // A little old: it is read or checked anew while it still serves.
    if (nowMs - entry.loadedAtMs > interval || nowMs > entry.againAtMs) {
      void this.#loading(runtime, hostgroup, user).catch(() => undefined);
    } else if (unchecked > checkInterval) void this.#checking(runtime, hostgroup, user, entry).catch(() => undefined);
    return this.#judgesOf(entry, runtime.masking);
  }

  /** Brings the catalog of a hostgroup up to date, together with all others who ask. Rejects when no server tells. */
  async load(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<Judges> {
    const known = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    const isOfUse = known !== undefined && serves(runtime, known, this.#options.clock.nowMs());
    if (isOfUse) await this.#checking(runtime, hostgroup, user, known);
    else await this.#loading(runtime, hostgroup, user);
    return this.#judges(runtime, hostgroup, user);
  }

  /** As {@link load}, and what it rests on was asked after the call. */
  async confirm(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<Judges> {
    const known = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    if (known !== undefined) await this.#check(runtime, hostgroup, user, known);
    return known === undefined ? this.load(runtime, hostgroup, user) : this.#judges(runtime, hostgroup, user);
  }

  #judges(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Judges {
    const entry = this.#entries.get(hostgroup)?.get(readerOf(runtime.masking, user).username);
    if (entry === undefined || entry.catalogs.length === 0) throw new Error('the catalog could not be read');
    return this.#judgesOf(entry, runtime.masking);
  }

  #judgesOf(entry: Entry, masking: MaskingRuntime): Judges {
    if (entry.judges !== undefined && entry.maskingGeneration === masking.generation) return entry.judges;
    generations += 1;
    entry.maskingGeneration = masking.generation;
    entry.judges = {
      generation: generations,
      key: `${masking.generation}.${generations}`,
      list: entry.catalogs.map(({ facts, kind, sqlMode }) => ({
        judge: new Judge(masking.policy, catalogOf(facts), kind, masking.hidesIndexes),
        sqlMode,
      })),
    };
    this.#tellOrders(entry, masking);
    return entry.judges;
  }

  /** The operator is told once what a masked user may still learn from the order of rows. */
  #tellOrders(entry: Entry, { policy, hidesIndexes }: MaskingRuntime): void {
    if (hidesIndexes === 'off') return;
    const orders = new Set<string>();
    for (const { judge } of entry.judges?.list ?? []) {
      for (const sentence of ordersThatStay(policy, judge.catalog, hidesIndexes)) orders.add(sentence);
    }
    for (const sentence of orders) {
      if (!entry.orders.has(sentence)) this.#options.logger.warn(`masking: ${sentence}`);
    }
    entry.orders = orders;
  }

  #checking(runtime: WorkerRuntime, hostgroup: number, user: BackendUser, entry: Entry): Promise<void> {
    entry.checking ??= this.#check(runtime, hostgroup, user, entry).finally(() => {
      entry.checking = undefined;
    });
    return entry.checking;
  }

  /** Asks the servers whether definitions have changed, and reads the catalog when they have. */
  async #check(runtime: WorkerRuntime, hostgroup: number, user: BackendUser, entry: Entry): Promise<void> {
    const { clock } = this.#options;
    const askedAtMs = clock.nowMs();
    const counts = await this.#counts(runtime, hostgroup, user);
    const changed = entry.loadedAtMs === NEVER ? 'definitions' : whatChanged(entry.counts, counts);
    if (changed === 'definitions') {
      // One that is being read may be of before. One that has no counts yet will have later ones than these.
      if (entry.readingCounts !== undefined && whatChanged(entry.readingCounts, counts) === 'definitions')
        entry.loading = undefined;
      await this.#loading(runtime, hostgroup, user);
      entry.againAtMs = clock.nowMs() + READ_AGAIN_MS;
      return;
    }
    const soonestMs = entry.loadedAtMs + Math.max(TABLES_READ_MS_MIN, TABLES_READ_SHARE * entry.readMs);
    if (changed === 'tables') entry.againAtMs = Math.min(entry.againAtMs, soonestMs);
    entry.checkedAtMs = Math.max(entry.checkedAtMs, askedAtMs);
  }

  async #counts(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<Map<string, DefinitionCounts>> {
    const counts = new Map<string, DefinitionCounts>();
    if (runtime.sluice.maskingDefinitionsInterval === 0) return counts;
    const reader = readerOf(runtime.masking, user);
    const asked = this.#options.hostgroups.serversOf(hostgroup).map(async (server) => {
      const told = await this.#counters.ask(server, reader, runtime.variables);
      if (told !== undefined) counts.set(`${server.hostname}:${server.port}`, told);
    });
    await Promise.all(asked);
    return counts;
  }

  /** DDL went to a server: what is known of catalogs is old. */
  outdated(): void {
    for (const byReader of this.#entries.values()) {
      for (const entry of byReader.values()) {
        entry.loadedAtMs = NEVER;
        entry.loading = undefined;
      }
    }
  }

  #loading(runtime: WorkerRuntime, hostgroup: number, user: BackendUser): Promise<void> {
    const reader = readerOf(runtime.masking, user);
    let byReader = this.#entries.get(hostgroup);
    if (byReader === undefined) {
      byReader = new Map();
      this.#entries.set(hostgroup, byReader);
    }
    let entry = byReader.get(reader.username);
    if (entry === undefined) {
      entry = {
        catalogs: [],
        loadedAtMs: NEVER,
        readMs: 0,
        counts: new Map(),
        checkedAtMs: NEVER,
        checking: undefined,
        againAtMs: Number.POSITIVE_INFINITY,
        loading: undefined,
        readingCounts: undefined,
        judges: undefined,
        maskingGeneration: 0,
        orders: new Set(),
      };
      byReader.set(reader.username, entry);
    }
    if (entry.loading !== undefined) return entry.loading;
    const at = entry;
    const { clock } = this.#options;
    const askedAtMs = clock.nowMs();
    let counts: ReadonlyMap<string, DefinitionCounts> = new Map();
    const read = async (): Promise<readonly ServerCatalog[]> => {
      counts = await this.#counts(runtime, hostgroup, user);
      if (at.loading === loading) at.readingCounts = counts;
      return this.#read(runtime, hostgroup, reader);
    };
    const loading: Promise<void> = read().then(
      (catalogs) => {
        // DDL came while it was read: it tells of before.
        if (at.loading !== loading) return this.#loading(runtime, hostgroup, user);
        at.loading = undefined;
        at.loadedAtMs = clock.nowMs();
        at.readMs = at.loadedAtMs - askedAtMs;
        at.counts = counts;
        at.checkedAtMs = askedAtMs;
        at.againAtMs = Number.POSITIVE_INFINITY;
        if (isDeepStrictEqual(catalogs, at.catalogs)) return undefined;
        at.catalogs = catalogs;
        at.judges = undefined;
        return undefined;
      },
      (error: unknown) => {
        if (at.loading === loading) at.loading = undefined;
        throw error;
      },
    );
    entry.loading = loading;
    entry.readingCounts = undefined;
    return loading;
  }

  async #read(runtime: WorkerRuntime, hostgroup: number, reader: BackendUser): Promise<readonly ServerCatalog[]> {
    const { hostgroups, connect, logger } = this.#options;
    const servers = hostgroups.serversOf(hostgroup);
    if (servers.length === 0) throw new Error('no server');
    const read = servers.map((server) =>
      loadCatalog(server, reader, connect, runtime.variables).catch((err: unknown) => {
        const { hostname, port } = server;
        logger.warn({ err, server: `${hostname}:${port}`, user: reader.username }, 'catalog for masking not read');
        return undefined;
      }),
    );
    const catalogs: ServerCatalog[] = [];
    for (const catalog of await Promise.all(read)) {
      if (catalog !== undefined && !catalogs.some((known) => isDeepStrictEqual(known, catalog))) catalogs.push(catalog);
    }
    if (catalogs.length === 0) throw new Error('the catalog could not be read from any server');
    return catalogs;
  }
}

function serves(runtime: WorkerRuntime, { catalogs, loadedAtMs }: Entry, nowMs: number): boolean {
  if (catalogs.length === 0 || loadedAtMs === NEVER) return false;
  return nowMs - loadedAtMs <= 2 * runtime.sluice.maskingCatalogInterval;
}

/** A server that does not tell has changed nothing; one that tells for the first time may have. */
function whatChanged(
  before: ReadonlyMap<string, DefinitionCounts>,
  now: ReadonlyMap<string, DefinitionCounts>,
): 'definitions' | 'tables' | 'nothing' {
  let changed: 'tables' | 'nothing' = 'nothing';
  for (const [server, counts] of now) {
    const known = before.get(server);
    if (known?.definitions !== counts.definitions) return 'definitions';
    if (known.tables !== counts.tables) changed = 'tables';
  }
  return changed;
}

/** The account the catalog is read with: one for all when it is configured, else the session's own. */
function readerOf(masking: MaskingRuntime, user: BackendUser): BackendUser {
  return masking.catalogReader ?? user;
}
