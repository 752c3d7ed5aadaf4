/**
 * Listening sockets: a list of interfaces that can change while connections go on. It accepts connections and hands
 * them on; what is spoken on them is the caller's business.
 */
import { rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { systemErrorText } from '../util/system-error.ts';
import { bareSocket } from './bare-socket.ts';
import type { StreamHandle } from './stream-binding.ts';

/** Connections the kernel may hold before they are accepted. */
export const listenBacklog = 1024;

/** Where to listen: a TCP address or the path of a Unix socket. */
export type Interface =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * `0.0.0.0:6032;[::1]:6032;/tmp/admin.sock`: pieces divided by `;` (or `,`, which ProxySQL takes as well).
 * Throws on a piece that is none of them.
 */
export function parseInterfaces(text: string): readonly Interface[] {
  return text
    .split(/[;,]/)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
    .map(parseInterface);
}

function parseInterface(text: string): Interface {
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new Error(`'${text}' is no interface: write ADDRESS:PORT, [IPV6]:PORT or a path`);
  return { kind: 'tcp', host, port: Number(port) };
}

/** The text form, as parseInterface reads it. */
function formatInterface(wanted: Interface): string {
  if (wanted.kind === 'unix') return wanted.path;
  const host = wanted.host.includes(':') ? `[${wanted.host}]` : wanted.host;
  return `${host}:${wanted.port}`;
}

export interface Listener {
  /** Where it listens now, as `host:port` or a path; a port that was asked for as 0 is the real one. */
  readonly addresses: readonly string[];
  /**
   * Listens there and nowhere else; interfaces in both lists stay as they are. Rejects when one cannot be opened, after
   * going back to those of before.
   */
  rebind(interfaces: readonly Interface[]): Promise<void>;
  /** Stops listening; connections that were accepted go on. */
  close(): Promise<void>;
}

interface Bound {
  readonly server: Server;
  /** As it was asked for. */
  readonly asked: Interface;
  /** The same with the port the system chose for 0. */
  readonly actual: Interface;
}

export interface ListenerOptions {
  /** Connections come as bare sockets (bare-socket.ts), where Node can give them. */
  readonly bare?: boolean;
  /** A connection that was just accepted may be somebody else's: true when it is taken from here. Only of bare ones. */
  readonly passesOn?: (handle: StreamHandle) => boolean;
}

/** A listener that listens nowhere yet. `onConnection` gets every accepted connection, paused. */
export function createListener(onConnection: (socket: Socket) => void, options: ListenerOptions = {}): Listener {
  let bound: readonly Bound[] = [];

  /** Opens all or none. */
  async function openAll(interfaces: readonly Interface[]): Promise<readonly Bound[]> {
    const opened: Bound[] = [];
    try {
      for (const one of interfaces) opened.push(await open(one, onConnection, options));
    } catch (error) {
      for (const { server } of opened) server.close();
      throw error;
    }
    return opened;
  }

  return {
    get addresses() {
      return bound.map(({ actual }) => formatInterface(actual));
    },
    async rebind(interfaces) {
      const texts = new Set(interfaces.map(formatInterface));
      const names = ({ asked, actual }: Bound): string[] => [formatInterface(asked), formatInterface(actual)];
      const staying = bound.filter((one) => names(one).some((name) => texts.has(name)));
      const leaving = bound.filter((one) => !staying.includes(one));
      const there = new Set(staying.flatMap(names));
      // First those that leave: 127.0.0.1:6032 cannot be opened while 0.0.0.0:6032 is. Their connections go on.
      for (const { server } of leaving) server.close();
      try {
        const coming = interfaces.filter((one) => !there.has(formatInterface(one)));
        bound = [...staying, ...(await openAll(coming))];
      } catch (error) {
        bound = [...staying, ...(await openAll(leaving.map(({ actual }) => actual)))];
        throw error;
      }
    },
    async close() {
      for (const { server } of bound) server.close();
      bound = [];
    },
  };
}

async function open(
  wanted: Interface,
  onConnection: (socket: Socket) => void,
  { bare, passesOn }: ListenerOptions,
): Promise<Bound> {
  if (wanted.kind === 'unix') await removeStaleSocket(wanted.path);
  const server = createServer({ pauseOnConnect: true, noDelay: true }, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`cannot listen on ${formatInterface(wanted)}: ${systemErrorText(cause)}`, { cause }));
    });
    server.once('listening', () => {
      server.removeAllListeners('error');
      if (bare === true) acceptBare(server, onConnection, passesOn);
      resolve();
    });
    if (wanted.kind === 'unix') server.listen({ path: wanted.path, backlog: listenBacklog });
    else server.listen({ host: wanted.host, port: wanted.port, backlog: listenBacklog });
  });
  // Errors of accept(), such as too many open files, pass by themselves.
  server.on('error', () => undefined);
  const address = server.address();
  if (wanted.kind === 'tcp' && address !== null && typeof address === 'object')
    return { server, asked: wanted, actual: { ...wanted, port: address.port } };
  return { server, asked: wanted, actual: wanted };
}

/** What a listening server of Node has, and does not document. */
interface ListeningHandle {
  onconnection(error: number, handle: StreamHandle | undefined): void;
  /** Connections inherit it from the socket that listens; only where this process listens itself. */
  setNoDelay?(on: boolean): number;
}

/** Takes connections before Node makes sockets of them. What cannot be bare goes Node's way. */
function acceptBare(
  server: Server,
  onConnection: (socket: Socket) => void,
  passesOn: ListenerOptions['passesOn'],
): void {
  const listening = (server as unknown as { readonly _handle: ListeningHandle | null })._handle;
  if (typeof listening?.onconnection !== 'function') return;
  const asEver = listening.onconnection;
  const inherited = listening.setNoDelay?.(true) === 0;
  listening.onconnection = function (error, handle) {
    if (error === 0 && handle !== undefined && passesOn?.(handle) === true) return;
    const socket = error === 0 && handle !== undefined ? bareSocket(handle) : undefined;
    if (socket === undefined) return asEver.call(this, error, handle);
    if (!inherited) handle?.setNoDelay?.(true);
    onConnection(socket as unknown as Socket);
  };
}

/** A process that was killed leaves its socket file behind, and listen() would fail on it; one that is alive keeps it. */
async function removeStaleSocket(path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const alive = await new Promise<boolean>((resolve) => {
    const probe = createConnection({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (!alive) rmSync(path, { force: true });
}
