/**
 * Listens on the interfaces of a `;` list: `host:port`, `[v6]:port` or the path of a Unix socket. It accepts sockets and
 * hands them on; what is spoken on them is the caller's business.
 */
import { rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type ListenOptions, type Server, type Socket } from 'node:net';

/** Connections the kernel may hold before they are accepted. */
export const listenBacklog = 1024;

/** One entry of an interfaces list that cannot be listened on. */
export class InvalidInterface extends Error {
  override readonly name = 'InvalidInterface';
}

/** What `listen` wants for one interface of the list. */
export function parseInterface(text: string): ListenOptions {
  if (text.startsWith('/')) return { path: text, backlog: listenBacklog };
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (match?.groups === undefined || port > 65_535) {
    throw new InvalidInterface(`'${text}' is no interface: host:port, [ipv6]:port or /path/of/a/socket`);
  }
  return { host: match.groups.v6 ?? (match.groups.host || '0.0.0.0'), port, backlog: listenBacklog };
}

export interface Listener {
  /** As they are bound: a port 0 has become a real one. */
  readonly addresses: readonly string[];
  /** Stops accepting; open sockets stay. */
  close(): Promise<void>;
}

/** Listens on all of them or on none: the first that fails closes the others and rejects with a clear message. */
export async function listen(interfaces: readonly string[], onSocket: (socket: Socket) => void): Promise<Listener> {
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  };
  const addresses: string[] = [];
  try {
    for (const text of interfaces) {
      const server = createServer({ noDelay: true, pauseOnConnect: false }, onSocket);
      await bind(server, parseInterface(text), text);
      servers.push(server);
      addresses.push(addressOf(server));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, close };
}

async function bind(server: Server, options: ListenOptions, text: string): Promise<void> {
  if (options.path !== undefined) await removeStaleSocket(options.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`cannot listen on ${text}: ${error.message}`, { cause: error })));
    server.listen(options, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

/** A socket file nobody answers on is left over from a crash. */
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

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return address ?? '';
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
