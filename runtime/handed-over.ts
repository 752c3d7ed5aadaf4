/**
 * Clients on their way to a worker. node:cluster hands a connection over and keeps its own end until the worker says that
 * it has it; when the worker dies before, nobody ever does anything with it, and the client waits for a greeting. Here it
 * is offered to another worker. It knows how node:cluster words these messages, and does nothing if it words them otherwise.
 */
import type { Worker as ClusterWorker } from 'node:cluster';

/** A message of node:cluster: `newconn` goes with a connection, `ack` answers it. */
interface ClusterMessage {
  readonly cmd: 'NODE_CLUSTER';
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly accepted?: boolean;
}

interface Handle {
  close(): void;
}

/**
 * Watches what is handed to the worker.
 * @param others whether another worker is there to take a client
 */
export function followHandedOver(worker: ClusterWorker, others: () => boolean): void {
  const pending = new Map<number, Handle>();
  const { process } = worker;
  const send = process.send.bind(process) as (...args: unknown[]) => boolean;
  process.send = (message: unknown, handle?: unknown, ...rest: unknown[]) => {
    const seq = isClusterMessage(message) && message.act === 'newconn' ? message.seq : undefined;
    if (seq !== undefined && isHandle(handle)) pending.set(seq, handle);
    return send(message, handle, ...rest);
  };
  process.on('internalMessage', (message: unknown) => {
    if (isClusterMessage(message) && message.ack !== undefined) pending.delete(message.ack);
  });
  const offerAgain = () => {
    // Before both are over node:cluster would hand it to the dead worker.
    if (worker.isConnected() || !worker.isDead()) return;
    for (const [seq, handle] of [...pending]) {
      pending.delete(seq);
      const refused: ClusterMessage = { cmd: 'NODE_CLUSTER', ack: seq, accepted: false };
      if (others()) process.emit('internalMessage' as 'message', refused, undefined as never);
      else handle.close();
    }
  };
  worker.on('exit', offerAgain);
  worker.on('disconnect', offerAgain);
}

function isClusterMessage(message: unknown): message is ClusterMessage {
  return (message as ClusterMessage | null)?.cmd === 'NODE_CLUSTER';
}

function isHandle(handle: unknown): handle is Handle {
  return typeof (handle as Handle | undefined)?.close === 'function';
}
