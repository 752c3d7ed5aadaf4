/**
 * Reading without an allocation. Node makes a buffer of 64 KB for every read of a socket and shrinks it afterwards, which
 * costs more than all that is done here with a point select. A socket of this file reads into memory that is there
 * already, and lends it: what a reader keeps beyond its return it copies. It knows bytes, not packets.
 *
 * Node offers this as `onread` to sockets that connect, and only before they connect, while logins here read like any
 * stream. So the handle of a socket whose login is over moves into a new one. Bare sockets can do it by themselves; see
 * docs/adr/0007.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { DirectSocket } from './direct-socket.ts';
import { isLent, type OnRead, OVERWRITTEN_WITH, overwritesLentReads } from './lent-memory.ts';

const NOTHING = Buffer.alloc(0);

/** Who reads a socket that lends, since a login may come back to it. */
const readers = new WeakMap<Socket, { onRead: OnRead }>();

interface Handle {
  reading?: boolean;
  readStop?(): number;
  useUserBuffer?: unknown;
}

/** The part of a socket that Node does not document. */
interface WithHandle {
  _handle: Handle | null;
}

export interface LendingSocket {
  /** Takes the place of the socket that was given, which is not to be used any more. Paused. */
  readonly socket: Socket;
  /** What had been read before, and nobody had asked for. */
  readonly early: Buffer;
}

/**
 * Everything that arrives on a paused socket is `onRead`'s from now on, without `data` events.
 * @param memory asked before every read of a TCP or Unix socket where bytes are to go; others (TLS, compression) bring
 *   memory of their own
 */
export function lendReads(socket: Socket, memory: () => Buffer, onRead: OnRead): LendingSocket {
  const reader = readers.get(socket);
  if (reader !== undefined) {
    const early = unread(socket);
    reader.onRead = onRead;
    return { socket, early };
  }
  const handle = (socket as unknown as WithHandle)._handle;
  if (Object.getPrototypeOf(socket) !== Socket.prototype || typeof handle?.useUserBuffer !== 'function') {
    socket.on('data', (chunk: Buffer) => onRead(chunk, chunk.length));
    return { socket, early: NOTHING };
  }
  handle.readStop?.();
  handle.reading = false;
  (socket as unknown as WithHandle)._handle = null;
  // Whatever the old one still hears of its last write, the new one hears as well.
  socket.on('error', () => undefined);
  const early = unread(socket);
  return { socket: adopt(handle, memory, onRead), early };
}

/** A socket that lends is a stream again, as logins read it; `lendReads` may come back to it. */
export function endLending(socket: Socket): void {
  const reader = readers.get(socket);
  if (reader !== undefined) reader.onRead = (buffer, bytes) => socket.push(Buffer.from(buffer.subarray(0, bytes)));
}

function adopt(handle: Handle, memory: () => Buffer, onRead: OnRead): Socket {
  const reader = { onRead };
  const onread: OnReadOpts = {
    buffer: memory,
    callback(bytes, buffer) {
      reader.onRead(buffer as Buffer, bytes);
      if (overwritesLentReads && (isLent(buffer as Buffer) || memory() === buffer))
        buffer.fill(OVERWRITTEN_WITH, 0, bytes);
      return true;
    },
  };
  const options = { handle, pauseOnCreate: true, readable: true, writable: true, onread };
  const socket = new DirectSocket(options as SocketConstructorOpts);
  readers.set(socket, reader);
  return socket;
}

function unread(socket: Socket): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
