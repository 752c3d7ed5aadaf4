/**
 * May this server have several statements at once? What mysql_hostgroup_attributes says, else what the server has shown
 * (pipelining-probe.ts); one that nobody has asked is asked on the next connection that is free. The verdict is kept with
 * the server.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { Logger } from '../observe/logger.ts';
import type { Clock } from '../util/clock.ts';
import { probePipelining } from './pipelining-probe.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { Server } from './server.ts';

export class PipeliningVerdicts {
  readonly #settings: PoolSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(settings: PoolSettings, clock: Clock, logger: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** False as well when it is not known yet; then it will be. */
  pipelines(server: Server, connection: BackendConnection): boolean {
    const byHand = this.#settings.pipeliningOf(server.hostgroup);
    if (byHand !== undefined) return byHand;
    if (server.pipeliningVersion !== connection.serverVersion && server.pipelining !== 'probing')
      server.pipelining = 'wanted';
    return server.pipelining === 'yes';
  }

  /** Asks the server of a connection that is free now. @param giveBack what becomes of the connection when it is fit for anything */
  probe(server: Server, connection: BackendConnection, giveBack: (connection: BackendConnection) => void): void {
    server.pipelining = 'probing';
    server.pipeliningVersion = connection.serverVersion;
    probePipelining(connection, this.#clock, (verdict) => {
      server.pipelining = verdict === 'lost' ? 'wanted' : verdict;
      if (verdict === 'yes') return giveBack(connection);
      if (verdict === 'lost') return;
      const name = `${server.hostname}:${server.port}`;
      this.#logger.warn({ server: name, hostgroup: server.hostgroup }, 'server does not answer two commands at once');
    });
  }
}
