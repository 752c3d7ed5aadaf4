/**
 * One authenticated connection to a server: a queue of expected answers, each with its owner. It cuts the server's
 * bytes into answers and hands them to the owner at the head of the queue. It does not know what a session is, does
 * not choose servers and does not keep itself in any pool.
 *
 *   send(packet, kind, owner) ─▶ socket         queue: [owner A | owner B | swallow …]
 *   socket ─▶ walker ─▶ bytes to the head of the queue ─▶ done ─▶ next
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { busyPoll } from '../net/busy-poll.ts';
import { readBytesMax } from '../net/lent-memory.ts';
import { lendReads } from '../net/lent-reads.ts';
import { Capability } from '../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { decodeErr, ERR_HEADER } from '../protocol/ok-err-eof.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { type AttributeCarrier, withAttributes } from '../protocol/query-attributes.ts';
import { type ResponseKind, ResponseWalker } from '../protocol/response-walker.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { RingQueue } from '../util/ring-queue.ts';
import type { ConnectionState } from './mirrored-state.ts';
import { WriteBatch } from './write-batch.ts';

/** Whoever an answer belongs to. */
export interface AnswerOwner {
  /** It is to get the metadata of results as ProxySQL would pass it on, not as the server sends it. */
  readonly likeProxysql?: boolean;
  /** Bytes of the answer, whole packets or not. True: they are not needed any more, and may be overwritten. */
  answerBytes(chunk: Buffer, connection: BackendConnection): boolean;
  /** LOAD DATA LOCAL: the server waits for the client's file. Whoever cannot have one sent lacks this. */
  fileWanted?(connection: BackendConnection): void;
  /** The answer is complete; `walker` describes it until the owner returns. */
  answerDone(connection: BackendConnection, walker: ResponseWalker): void;
  /** The connection was lost before the answer was complete. */
  answerLost(connection: BackendConnection, error: ProtocolError, anyByteSeen: boolean): void;
  /** The answer will not be handed over, since those before it take too long: ask elsewhere. No byte of it was seen. */
  answerMoved?(connection: BackendConnection): void;
}

interface Expected {
  readonly kind: ResponseKind;
  owner: AnswerOwner;
}

/** Says nothing of the session once the result it belongs to has failed. */
const OF_ONE_RESULT = StatusFlag.MORE_RESULTS_EXISTS | StatusFlag.NO_INDEX_USED | StatusFlag.NO_GOOD_INDEX_USED;

/** Takes answers that nobody wants any more. */
const NOBODY: AnswerOwner = { answerBytes: () => true, answerDone() {}, answerLost() {} };

/** What the pool wants to hear of a connection. */
export interface ConnectionHome {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
  bytesReceived(bytes: number): void;
  bytesSent(bytes: number): void;
  connectionLost(connection: BackendConnection): void;
  /** A command that is not a plain query was sent. */
  commandSent(kind: ResponseKind): void;
  /** The last answer that was expected is over, and nobody wanted it: the connection belongs to no session. */
  connectionLeft?(connection: BackendConnection): void;
}

/** Bits of ProxySQL's MySQL_Connection::status_flags, as its processlist shows them. */
export const ConnectionFlag = {
  USER_VARIABLE: 0x4,
  PREPARED_STATEMENT: 0x8,
  LOCK_TABLES: 0x10,
  TEMPORARY_TABLE: 0x20,
  GET_LOCK: 0x40,
  NO_MULTIPLEX: 0x80,
  FOUND_ROWS: 0x200,
  HAS_SAVEPOINT: 0x800,
} as const;

export interface BackendConnectionOptions {
  readonly socket: Socket;
  readonly home: ConnectionHome;
  readonly username: string;
  /** The capabilities that shape answers; a session may only use a connection of its own shape. */
  readonly shape: number;
  readonly deprecateEof: boolean;
  /** The server was promised query attributes. */
  readonly queryAttributes?: boolean;
  /** The server could tell of its session's state, whether or not it was asked to. */
  readonly offersSessionTrack?: boolean;
  readonly threadId: number;
  readonly serverVersion: string;
  readonly state: ConnectionState;
  readonly statusFlags: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** Why the server leaves, when it says so in one piece: idle_transaction_timeout, wait_timeout, a KILL, its shutdown. */
function farewell(chunk: Buffer, offset: number, bytes: number): ProtocolError | undefined {
  const payload = offset + HEADER_BYTES;
  if (payload >= bytes || chunk[payload] !== ERR_HEADER) return undefined;
  const end = payload + chunk.readUIntLE(offset, 3);
  try {
    return end <= bytes ? decodeErr(chunk, payload, end) : undefined;
  } catch (error) {
    if (error instanceof MalformedPacket) return undefined;
    throw error;
  }
}

export class BackendConnection {
  readonly home: ConnectionHome;
  readonly username: string;
  /** Changed only while one session holds it, by COM_SET_OPTION. */
  shape: number;
  readonly threadId: number;
  readonly mariadb: boolean;
  readonly serverVersion: string;
  readonly ignoreSpace: boolean;
  /** What it is sent has the form that CLIENT_QUERY_ATTRIBUTES gives it. */
  readonly queryAttributes: boolean;
  readonly offersSessionTrack: boolean;
  readonly createdAtMs: number;
  /** When it was last given back or pinged, by the pool's coarse clock. */
  quietSinceMs: number;
  /** What the server's session looks like as far as the proxy mirrors it. */
  state: ConnectionState;
  /** Statements prepared here: key → the server's id, in the order of their last use. */
  readonly statements = new Map<string, number>();
  /** Bit set of session effects that live on this connection; it is clean when 0. */
  pins = 0;
  /** SERVER_STATUS_* of the last answer that carried them. */
  statusFlags: number;
  /** An error left it open whether a transaction goes on; cleared by the next answer that says so. */
  transactionUnknown = false;
  /** What its account may do has changed since the login: it serves nobody but its holder any more. */
  outdated = false;
  /** Statements for which a session keeps this connection although nothing pins it (last insert id, warnings). */
  lingerStatements = 0;
  /** Warnings that SHOW WARNINGS would tell here are not the holder's: a statement without tables leaves them. */
  foreignDiagnostics = false;
  /** Statements of several sessions may queue here; see hostgroup/lanes.ts. */
  lane = false;
  /** It was a lane and no session has it for itself since: whoever's answer is the last one there gives it back. */
  shared = false;
  /** `performance.now()` when the server began with the answer at the head of the queue, as far as can be seen. */
  headSinceMs = 0;
  /** How long the answer that was finished last was at the head, in ms. */
  lastAnswerMs = 0;
  /** `performance.now()` at the end of that answer. */
  answeredAtMs = 0;
  /** Its home counts it; until then its loss is the business of whoever opens it. */
  admitted = false;
  lostError: ProtocolError | undefined;
  readonly #socket: Socket;
  readonly #batch: WriteBatch;
  readonly #deprecateEof: boolean;
  readonly #walker = new ResponseWalker();
  readonly #queue = new RingQueue<Expected>();
  /** Where the next read goes, and whether nobody needs any more what is there. */
  #memory: Buffer | undefined;
  #memorySpent = true;
  #headBytesSeen = false;
  #forwarding = false;

  constructor(options: BackendConnectionOptions) {
    this.home = options.home;
    this.username = options.username;
    this.shape = options.shape;
    this.threadId = options.threadId;
    this.mariadb = /mariadb/i.test(options.serverVersion);
    this.serverVersion = options.serverVersion;
    this.ignoreSpace = (options.shape & Capability.IGNORE_SPACE) !== 0;
    this.queryAttributes = options.queryAttributes ?? false;
    this.offersSessionTrack = options.offersSessionTrack ?? false;
    this.state = options.state;
    this.statusFlags = options.statusFlags;
    this.createdAtMs = options.createdAtMs;
    this.quietSinceMs = options.createdAtMs;
    const { socket, early } = lendReads(
      options.socket,
      () => this.#memoryToRead(),
      (buffer, bytes) => this.#onRead(buffer, bytes),
    );
    this.#socket = socket;
    this.#batch = new WriteBatch(socket);
    this.#deprecateEof = options.deprecateEof;
    this.#socket.on('error', () => this.destroy());
    this.#socket.on('close', () => this.destroy());
    // The login leaves its socket paused.
    this.#socket.resume();
    // Nothing was asked yet.
    if (early.length > 0) this.destroy();
  }

  /** Another piece of memory when somebody still needs what the last read brought. */
  #memoryToRead(): Buffer {
    if (this.#memory === undefined || !this.#memorySpent) {
      this.#memory = Buffer.allocUnsafeSlow(readBytesMax);
      this.#memorySpent = true;
    }
    return this.#memory;
  }

  get lost(): boolean {
    return this.lostError !== undefined;
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Answers that are expected. */
  get depth(): number {
    return this.#queue.length;
  }

  /** Bytes of the answer at the head have come. */
  get answering(): boolean {
    return this.#headBytesSeen;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** The socket's number in this process, -1 when it has none. */
  get fileDescriptor(): number {
    const handle = (this.#socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle;
    return handle?.fd ?? -1;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  get inTransaction(): boolean {
    return (this.statusFlags & StatusFlag.IN_TRANS) !== 0 || this.transactionUnknown;
  }

  /** Nothing of a session is left on it: it may serve another one. */
  get clean(): boolean {
    return this.pins === 0 && !this.inTransaction;
  }

  /**
   * Sends a command that will be answered; false when the kernel's buffer is full (wait for `drained`).
   * @param carrier what the command is of, if it may have attributes or parameters
   */
  send(frame: Buffer, kind: ResponseKind, owner: AnswerOwner, carrier?: AttributeCarrier): boolean {
    if (this.lostError !== undefined) {
      owner.answerLost(this, this.lostError, false);
      return true;
    }
    this.#queue.push({ kind, owner });
    if (this.#queue.length === 1) this.#begin(kind, owner, performance.now());
    if (kind !== 'query') this.home.commandSent(kind);
    return this.write(this.queryAttributes ? withAttributes(frame, carrier) : frame);
  }

  /** Sends bytes that have no answer of their own (COM_STMT_CLOSE, COM_STMT_SEND_LONG_DATA, the file of LOAD DATA). */
  write(bytes: Buffer): boolean {
    if (this.lostError !== undefined) return true;
    this.home.bytesSent(bytes.length);
    return this.#batch.add(bytes);
  }

  /** The answer under way is the owner's. */
  heads(owner: AnswerOwner): boolean {
    return this.#queue.peek()?.owner === owner;
  }

  /** The owner wants no answer any more: what comes for it is swallowed. */
  detach(owner: AnswerOwner): void {
    for (const expected of this.#queue) if (expected.owner === owner) expected.owner = NOBODY;
  }

  /** Those behind the head are told to ask elsewhere; their late answers are swallowed. Returns how many there were. */
  moveOthers(): number {
    const moved: AnswerOwner[] = [];
    let index = 0;
    for (const expected of this.#queue) {
      if (index > 0 && expected.owner.answerMoved !== undefined) {
        moved.push(expected.owner);
        expected.owner = NOBODY;
      }
      index += 1;
    }
    for (const owner of moved) owner.answerMoved?.(this);
    return moved.length;
  }

  /** Somebody waits for the answer at the head. */
  get wanted(): boolean {
    return this.#queue.peek()?.owner !== NOBODY;
  }

  /** From now on whatever the server says is the owner's, unread, until the connection is lost. Only when idle. */
  forward(owner: AnswerOwner): void {
    this.#forwarding = true;
    this.#queue.push({ kind: 'query', owner });
  }

  onceDrained(callback: () => void): void {
    this.#socket.once('drain', callback);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.lostError === undefined) this.#socket.resume();
  }

  /** Ends the connection politely; only when nothing is expected any more. */
  quit(comQuit: Buffer): void {
    if (this.lostError !== undefined) return;
    this.#batch.flush();
    this.#socket.end(comQuit);
    this.destroy();
  }

  /** Ends the connection at once; owners of outstanding answers are told. */
  destroy(error: ProtocolError = errors.lostConnection()): void {
    if (this.lostError !== undefined) return;
    this.lostError = error;
    this.#batch.drop();
    this.#socket.destroySoon();
    this.home.connectionLost(this);
    let seen = this.#headBytesSeen;
    for (let expected = this.#queue.shift(); expected !== undefined; expected = this.#queue.shift()) {
      expected.owner.answerLost(this, error, seen);
      seen = false;
    }
  }

  #begin(kind: ResponseKind, owner: AnswerOwner, nowMs: number): void {
    this.headSinceMs = nowMs;
    this.#headBytesSeen = false;
    this.#walker.begin(kind, this.#deprecateEof);
    if (owner.likeProxysql === true) this.#walker.dress(this.statusFlags);
  }

  /** An ERR packet carries no status flags: what came before it decides, `earlierFlags` of the same answer included. */
  #mayBeInTransaction(earlierFlags: number): boolean {
    const autocommitOff = (this.statusFlags & StatusFlag.AUTOCOMMIT) === 0;
    return this.inTransaction || autocommitOff || (earlierFlags & StatusFlag.IN_TRANS) !== 0;
  }

  #onRead(chunk: Buffer, bytes: number): void {
    busyPoll.received();
    this.home.bytesReceived(bytes);
    let offset = 0;
    while (offset < bytes && this.lostError === undefined) {
      const head = this.#queue.peek();
      // A server speaks unasked only to say that it is leaving (shutdown, wait_timeout).
      if (head === undefined) return this.destroy(farewell(chunk, offset, bytes));
      if (this.#forwarding) {
        this.#memorySpent = head.owner.answerBytes(chunk.subarray(0, bytes), this);
        return;
      }
      // It may have left before it saw the command: only what it says unasked begins at sequence 0.
      if (!this.#headBytesSeen && chunk[offset + 3] === 0) {
        const said = farewell(chunk, offset, bytes);
        if (said !== undefined) return this.destroy(said);
      }
      const end = this.#walker.push(chunk, offset, bytes);
      this.#headBytesSeen = true;
      if (!head.owner.answerBytes(chunk.subarray(offset, end), this)) this.#memorySpent = false;
      offset = end;
      if (this.#walker.malformed) return this.destroy();
      if (this.#walker.infileRequested) this.#askForFile(head);
      else if (this.#walker.done) this.#finishHead(head);
    }
  }

  /** A server that wants a file nobody offered may not have it. */
  #askForFile(head: Expected): void {
    if (head.owner.fileWanted === undefined) this.destroy(errors.localInfileUnsupported());
    else head.owner.fileWanted(this);
  }

  #finishHead(head: Expected): void {
    const walker = this.#walker;
    if (walker.ended === 'error') {
      this.transactionUnknown = this.#mayBeInTransaction(walker.statusFlags);
      // Of several statements those before the one that failed have told.
      if (walker.statusFlags !== 0) this.statusFlags = walker.statusFlags & ~OF_ONE_RESULT;
    } else if (head.kind === 'prepare') {
      this.statusFlags &= ~StatusFlag.SESSION_STATE_CHANGED;
    } else if (head.kind !== 'string') {
      this.statusFlags = walker.statusFlags;
      this.transactionUnknown = false;
    }
    this.#queue.shift();
    this.#headBytesSeen = false;
    const nowMs = performance.now();
    this.lastAnswerMs = nowMs - this.headSinceMs;
    this.answeredAtMs = nowMs;
    head.owner.answerDone(this, walker);
    const next = this.#queue.peek();
    if (next !== undefined && !this.#headBytesSeen) this.#begin(next.kind, next.owner, nowMs);
    else if (next === undefined && head.owner === NOBODY && this.shared) this.home.connectionLeft?.(this);
  }
}
