/**
 * What the operator can tell all workers to do at once; each answers when it has done it. Plain data.
 */
import type { TlsPems } from './tls-pems.ts';

export type WorkerOrder =
  /** Disconnect every client. */
  | { readonly kind: 'end-sessions' }
  /** Disconnect one client, whatever it is doing. */
  | { readonly kind: 'kill-session'; readonly sessionId: number }
  /** A session id was given away on the admin port: ids of both ports come from one sequence. */
  | { readonly kind: 'skip-session-id' }
  /** Forget the results of the query cache. */
  | { readonly kind: 'flush-query-cache' }
  /** Begin new files for what is logged into files. */
  | { readonly kind: 'flush-logs' }
  /** Forget which client addresses failed to log in. */
  | { readonly kind: 'flush-client-hosts' }
  /** Use this certificate for logins from now on. */
  | { readonly kind: 'use-certificate'; readonly tls: TlsPems };
