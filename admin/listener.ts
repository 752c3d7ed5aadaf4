/**
 * The listening sockets of the admin port: a list of interfaces that can change while sessions go on.
 * It accepts connections and hands them on; it speaks no protocol.
 */
import { rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

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
    throw new Error(`'${text}' is no interface: write ADDRESS:PORT or a path`);
  return { kind: 'tcp', host, port: Number(port) };
}

/** The text form; for a port 0 that of the port the system chose. */
function formatInterface(wanted: Interface): string {
  if (wanted.kind === 'unix') return wanted.path;
  const host = wanted.host.includes(':') ? `[${wanted.host}]` : wanted.host;
  return `${host}:${wanted.port}`;
}

export interface AdminListener {
  /** Where it listens now, as `host:port` or a path; a port that was asked for as 0 is the real one. */
  readonly addresses: readonly string[];
  /**
   * Listens there and nowhere else; interfaces in both lists stay as they are. Rejects when one cannot be opened, and
   * then everything is as before.
   */
  rebind(interfaces: readonly Interface[]): Promise<void>;
  /** Stops listening; connections that were accepted go on. */
  close(): Promise<void>;
}

interface Bound {
  readonly server: Server;
  readonly address: string;
}

/** A listener that listens nowhere yet. `onConnection` gets every accepted connection. */
export function createAdminListener(onConnection: (socket: Socket) => void): AdminListener {
  const bound = new Map<string, Bound>();
  return {
    get addresses() {
      return [...bound.values()].map(({ address }) => address);
    },
    async rebind(interfaces) {
      const wanted = new Map(interfaces.map((one) => [formatInterface(one), one]));
      const opened = new Map<string, Bound>();
      try {
        for (const [key, one] of wanted) if (!bound.has(key)) opened.set(key, await open(one, onConnection));
      } catch (error) {
        for (const { server } of opened.values()) server.close();
        throw error;
      }
      for (const [key, { server }] of bound) {
        if (wanted.has(key)) continue;
        // close() would wait for the connections; that it listens no more is true at once.
        server.close();
        bound.delete(key);
      }
      for (const [key, value] of opened) bound.set(key, value);
    },
    async close() {
      for (const { server } of bound.values()) server.close();
      bound.clear();
    },
  };
}

async function open(wanted: Interface, onConnection: (socket: Socket) => void): Promise<Bound> {
  if (wanted.kind === 'unix') removeStaleSocket(wanted.path);
  const server = createServer({ pauseOnConnect: true, noDelay: true }, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    if (wanted.kind === 'unix') server.listen(wanted.path);
    else server.listen({ host: wanted.host, port: wanted.port });
  });
  // Errors of accept(), such as too many open files, pass by themselves.
  server.on('error', () => undefined);
  const address = server.address();
  if (wanted.kind === 'tcp' && address !== null && typeof address === 'object')
    return { server, address: formatInterface({ ...wanted, port: address.port }) };
  return { server, address: formatInterface(wanted) };
}

/** A process that was killed leaves its socket file behind, and listen() would fail on it. */
function removeStaleSocket(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() === true) rmSync(path);
}
