/**
 * What Node's own streams call below: the handles of TCP and Unix sockets, and their requests. Node documents none of it, so
 * it is looked at before it is believed; where it is missing or looks otherwise, sockets are Node's. See docs/adr/0007.
 */

/** Node's request to write. One that libuv has queued is libuv's until `oncomplete`. */
export interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined;
  /** Keeps what is being written from the garbage collector. */
  buffer: Uint8Array | undefined;
}

/** Node's request to end what is written, behind everything that is queued. */
export interface ShutdownRequest {
  oncomplete: ((status: number) => void) | undefined;
}

export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  /** What Node's native code tells of the last read or write. */
  readonly streamBaseState: Int32Array;
  /** Where in it: bytes of the last read, or the number of an error. */
  readonly kReadBytesOrError: number;
  /** Where in it: 1 when libuv has queued the last write. */
  readonly kLastWriteWasAsync: number;
}

/** A connection's address and port as libuv tells them. */
export interface AddressRecord {
  address: string | undefined;
  family: string | undefined;
  port: number | undefined;
}

/** The handle of an accepted or connected TCP or Unix socket. Functions return 0, or the number of an error. */
export interface StreamHandle {
  onread: (this: StreamHandle) => void;
  reading?: boolean;
  readStart(): number;
  readStop(): number;
  /** Reads go into these bytes from now on; what `onread` returns takes their place. */
  useUserBuffer(memory: Uint8Array): void;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: ShutdownRequest): number;
  close(): void;
  // Unix sockets have none of these.
  setNoDelay?(on: boolean): number;
  getpeername?(record: AddressRecord): number;
  getsockname?(record: AddressRecord): number;
}

/** `undefined` where it is not as it is known. */
export const streamBinding: StreamBinding | undefined = find();

function find(): StreamBinding | undefined {
  try {
    const found = (process as unknown as { binding(name: string): Partial<StreamBinding> }).binding('stream_wrap');
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found;
    if (typeof WriteWrap !== 'function' || typeof ShutdownWrap !== 'function') return undefined;
    if (!(streamBaseState instanceof Int32Array)) return undefined;
    if (!isIndex(kReadBytesOrError, streamBaseState) || !isIndex(kLastWriteWasAsync, streamBaseState)) return undefined;
    return { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync };
  } catch {
    return undefined;
  }
}

function isIndex(value: number | undefined, array: Int32Array): value is number {
  return typeof value === 'number' && value < array.length;
}
