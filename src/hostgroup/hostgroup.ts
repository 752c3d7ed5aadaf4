/**
 * What is a hostgroup to a worker? Its servers, how one of them is drawn, and who waits for a connection. Data alone: the
 * servers change with server-directory.ts, the requests with waiting-room.ts.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import type { ConnectRate } from './connect-rate.ts';
import type { BackendUser } from './connector.ts';
import type { ConnectionWish, Server } from './server.ts';
import type { ServerPicker } from './server-picker.ts';

/** What a worker knows of one hostgroup. */
export interface Hostgroup {
  readonly id: number;
  servers: Server[];
  readonly picker: ServerPicker<Server>;
  readonly connectRate: ConnectRate;
  /** Requests that have no connection yet; see waiting-room.ts. */
  readonly waiting: Waiting[];
}

/** Somebody needs a connection, and hears of it later. */
export interface ConnectionRequest {
  readonly hostgroup: number;
  readonly user: BackendUser;
  readonly wish: ConnectionWish;
  /**
   * The connection that was lost with the statement: another server is asked if there is one, and the first failure
   * is the last, since the client has waited once already.
   */
  readonly after: BackendConnection | undefined;
  onConnection(connection: BackendConnection): void;
  onFailure(error: ProtocolError): void;
}

/** A request that has no connection yet. */
export interface Waiting {
  readonly request: ConnectionRequest;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  failures: number;
  /** A connect is under way for this request. */
  connecting: boolean;
  over: boolean;
  /** Connections that will be free soon are waited for, though there might be others. */
  deferred: boolean;
  /** Too many connections were opened in this second. */
  delayed: boolean;
}
