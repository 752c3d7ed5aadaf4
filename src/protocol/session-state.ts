/**
 * What an OK packet tells of its session after its text, taken out of answers for clients that have not asked for
 * CLIENT_SESSION_TRACK, or are not to hear of transactions. It does not ask servers for it.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html
 */
import { HEADER_BYTES } from './framer.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import { type ResponseKind, ResponseWalker } from './response-walker.ts';
import { StatusFlag } from './status-flags.ts';

const NOTHING = Buffer.alloc(0);

/** The kind of entry that session_track_gtids makes. */
const STATE_GTIDS = 3;

/** Passes one answer after the other on without session state: what a server says to whom it does not track. */
export class SessionStateStripper {
  /** The client tracks session state and keeps the rest of it. */
  gtidsAlone = false;
  readonly #walker = new ResponseWalker();
  readonly #reader = new PacketReader();
  readonly #writer = new PacketWriter();
  /** The beginning of a packet that may have to be changed. */
  #held = NOTHING;
  /** Bytes of the frame under way that pass as they are. */
  #passing = 0;

  begin(kind: ResponseKind, deprecateEof: boolean): void {
    this.#walker.begin(kind, deprecateEof);
    this.#held = NOTHING;
    this.#passing = 0;
  }

  /** Takes bytes of the answer and returns what may go to the client now. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const out: Buffer[] = [];
    let passed = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#passing === 0) {
        const left = bytes.length - at;
        if (left < HEADER_BYTES) break;
        const length = bytes.readUIntLE(at, 3);
        if (length > 0 && left === HEADER_BYTES) break;
        const end = at + HEADER_BYTES + length;
        if (length > 0 && this.#walker.mayTell(bytes[at + HEADER_BYTES] as number, length)) {
          if (end > bytes.length) break;
          this.#walker.push(bytes, at, end);
          out.push(bytes.subarray(passed, at), this.#stripped(bytes, at, end));
          passed = at = end;
          continue;
        }
        this.#passing = HEADER_BYTES + length;
      }
      const end = Math.min(bytes.length, at + this.#passing);
      this.#walker.push(bytes, at, end);
      this.#passing -= end - at;
      at = end;
    }
    this.#held = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    out.push(bytes.subarray(passed, at));
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** The packet in `bytes[start, end)` without its session state. */
  #stripped(bytes: Buffer, start: number, end: number): Buffer {
    const reader = this.#reader.reset(bytes, start + HEADER_BYTES, end);
    try {
      reader.skip(1);
      reader.lenencUint64();
      reader.lenencUint64();
      const head = bytes.subarray(start + HEADER_BYTES, reader.position);
      const status = reader.u16();
      if ((status & StatusFlag.SESSION_STATE_CHANGED) === 0) return bytes.subarray(start, end);
      const warnings = reader.u16();
      const info = reader.lenencBytes();
      const told = this.gtidsAlone ? withoutGtids(reader.lenencBytes()) : NOTHING;
      const writer = this.#writer.begin(bytes[start + 3] as number).bytes(head);
      writer.u16(told.length > 0 ? status : status & ~StatusFlag.SESSION_STATE_CHANGED).u16(warnings);
      if (info.length > 0 || told.length > 0) writer.lenencBytes(info);
      if (told.length > 0) writer.lenencBytes(told);
      writer.end();
      return writer.take();
    } catch (error) {
      // Whatever it is, the client may make something of it.
      if (error instanceof MalformedPacket) return bytes.subarray(start, end);
      throw error;
    }
  }
}

/** @throws MalformedPacket */
function withoutGtids(state: Buffer): Buffer {
  const reader = new PacketReader(state);
  const kept: Buffer[] = [];
  let from = 0;
  while (reader.position < state.length) {
    const kind = reader.u8();
    reader.lenencBytes();
    if (kind !== STATE_GTIDS) kept.push(state.subarray(from, reader.position));
    from = reader.position;
  }
  return Buffer.concat(kept);
}
