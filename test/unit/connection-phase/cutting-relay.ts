/** A TCP relay that cuts the beginning of what a client says where a test wants it. Not a test itself. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingRelay {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Holds the client's bytes back until there are `holdBytes` of them, then sends them cut at `cut` (0: in one piece);
 * what follows passes as it comes.
 */
export async function startCuttingRelay(targetPort: number, holdBytes: number, cut: number): Promise<CuttingRelay> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1').setNoDelay();
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let held: Buffer = Buffer.alloc(0);
    client.on('data', (chunk) => {
      if (held.length >= holdBytes) {
        target.write(chunk);
        return;
      }
      held = Buffer.concat([held, chunk]);
      if (held.length < holdBytes) return;
      if (cut > 0) target.write(held.subarray(0, cut));
      setImmediate(() => target.write(held.subarray(cut)));
    });
    target.pipe(client);
    client.on('close', () => target.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
