/**
 * Servers that take no more connections though ours are below their max_connections: their own limit is reached, or the
 * account's. A free connection of another user or shape is closed then, by whichever worker has one, so that a session
 * gets its own. It opens nothing and keeps nobody waiting; connection-opener.ts and waiting-room.ts do.
 */
import { LoginRefused } from '../connection-phase/client-login.ts';
import type { Server } from './server.ts';

/** What is full: a server, or what it lets an account have. */
export interface FullLimit {
  readonly hostname: string;
  readonly port: number;
  /** Undefined: nobody gets a connection. */
  readonly username: string | undefined;
}

/** A server needs this long, in ms, to notice that a connection was closed. */
export const closedConnectionMs = 20;

/** A server that is full, with nothing of ours to close, is asked again after so many ms. */
export const fullServerPauseMs = 100;

const TOO_MANY_CONNECTIONS = 1040;
const TOO_MANY_USER_CONNECTIONS = 1203;
/** Of any limit of an account; the text names it. */
const USER_LIMIT_REACHED = 1226;

/** The limit by which a server refused a login; undefined when it was for another reason. */
export function limitReached(error: unknown, { hostname, port }: Server, username: string): FullLimit | undefined {
  if (!(error instanceof LoginRefused)) return undefined;
  if (error.code === TOO_MANY_CONNECTIONS) return { hostname, port, username: undefined };
  const ofUser =
    error.code === TOO_MANY_USER_CONNECTIONS ||
    (error.code === USER_LIMIT_REACHED && error.message.includes("'max_user_connections'"));
  return ofUser ? { hostname, port, username } : undefined;
}

export class FullServers {
  readonly #servers: () => Iterable<Server>;
  /** When a server may be asked again, in ms since the epoch. */
  readonly #until = new Map<string, number>();

  /** @param servers of all hostgroups: one server may be in several. */
  constructor(servers: () => Iterable<Server>) {
    this.#servers = servers;
  }

  /** The limit by which a connection would be refused, as far as is known; undefined: it is worth a try. */
  limitOf({ hostname, port }: Server, username: string, nowMs: number): FullLimit | undefined {
    if (this.#until.size === 0) return undefined;
    for (const limit of [
      { hostname, port, username: undefined },
      { hostname, port, username },
    ]) {
      const until = this.#until.get(keyOf(limit));
      if (until === undefined) continue;
      if (nowMs < until) return limit;
      this.#until.delete(keyOf(limit));
    }
    return undefined;
  }

  /**
   * Closes a free connection that counts for the limit, if there is one.
   * @returns after how many ms it is worth while to ask the server again
   */
  makeRoom(limit: FullLimit, nowMs: number): number {
    const pauseMs = this.closeFree(limit) ? closedConnectionMs : fullServerPauseMs;
    this.#until.set(keyOf(limit), nowMs + pauseMs);
    return pauseMs;
  }

  /** Closes the connection that has been free longest of those that count for the limit; false when there is none. */
  closeFree(limit: FullLimit): boolean {
    for (const server of this.#at(limit)) {
      const free = server.free.find(({ username }) => limit.username === undefined || username === limit.username);
      if (free === undefined) continue;
      free.destroy();
      return true;
    }
    return false;
  }

  /** This worker has connections that count for the limit: one of them will be free some time. */
  isOurs(limit: FullLimit): boolean {
    for (const server of this.#at(limit)) {
      for (const connections of [server.free, server.inUse])
        for (const { username } of connections)
          if (limit.username === undefined || username === limit.username) return true;
    }
    return false;
  }

  *#at({ hostname, port }: FullLimit): Generator<Server> {
    for (const server of this.#servers()) if (server.hostname === hostname && server.port === port) yield server;
  }
}

function keyOf({ hostname, port, username }: FullLimit): string {
  return `${hostname}\0${port}\0${username ?? ''}`;
}
