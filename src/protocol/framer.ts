/**
 * Cuts a byte stream into packets: chunk -> frame -> packet. It does not look into payloads nor check sequence ids.
 *
 *   frame:   | length (3, little endian) | sequence id (1) | payload (length) |
 *   packet:  frames of length 0xffffff followed by one shorter frame, joined
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
 */

/** Length of a frame header. */
export const HEADER_BYTES = 4;
/** A frame of this payload length is continued by the next one. */
export const MAX_FRAME_BYTES = 0xff_ffff;

/** First size of the buffer for a frame that straddles chunks; it doubles as bytes really arrive. */
const HELD_BYTES_MIN = 256;

/** Who gets the packets. */
export interface PacketSink {
  /**
   * Receives one packet: the payload is `buffer[start, end)`, borrowed: it may not be kept past the return.
   * `sequenceId` is that of the packet's last frame. When the payload is shorter than 16 MB - 1 its header
   * is `buffer[start - 4, start)`, so that `buffer[start - 4, end)` can be sent on as it is.
   */
  onPacket(buffer: Buffer, start: number, end: number, sequenceId: number): void;
  /** Called at the end of a packet that was skipped, with its length and the sequence id of its last frame. */
  onTooLarge?(bytes: number, sequenceId: number): void;
}

const NOTHING = Buffer.alloc(0);

/**
 * Packets that lie within one chunk are delivered as windows on it: no copy, no allocation. A packet that straddles
 * chunks is collected in a held buffer, which never grows beyond twice the bytes received.
 */
export class Framer {
  private readonly sink: PacketSink;
  private readonly maxPacketBytes: number;

  /** Raw bytes, headers included, of the packet under collection: `held[0, heldBytes)`. */
  private held: Buffer | undefined;
  private heldBytes = 0;
  /** Where in `held` the current frame's header begins, and its payload length once that is known, else -1. */
  private frameStart = 0;
  private frameBytes = -1;
  /** Sum of the payload lengths announced for the current packet. */
  private packetBytes = 0;
  /** The current packet is too large: payload bytes left to throw away in the current frame. */
  private skipping = false;
  private skipBytes = 0;

  private stopped = false;
  private undelivered: Buffer | undefined;

  /** @param maxPacketBytes payloads above this many bytes are skipped, not delivered */
  constructor(sink: PacketSink, maxPacketBytes: number) {
    this.sink = sink;
    this.maxPacketBytes = maxPacketBytes;
  }

  /** Delivers every packet that is complete with `chunk[0, end)`, which may be overwritten afterwards. */
  push(chunk: Buffer, end = chunk.length): void {
    if (this.stopped) {
      this.setAside(chunk, 0, end);
      return;
    }
    let offset = this.held !== undefined ? this.collect(chunk, 0, end) : 0;
    while (end - offset >= HEADER_BYTES && !this.stopped) {
      const bytes = chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
      const payload = offset + HEADER_BYTES;
      const next = payload + bytes;
      if (next > end || bytes === MAX_FRAME_BYTES || bytes > this.maxPacketBytes) {
        offset = this.collect(chunk, offset, end);
      } else {
        offset = next;
        this.sink.onPacket(chunk, payload, next, chunk[payload - 1]!);
      }
    }
    if (this.stopped) this.setAside(chunk, offset, end);
    else if (offset < end) this.collect(chunk, offset, end);
  }

  /** From now on nothing is delivered, even from the chunk being pushed; bytes wait for `takeRemainder`. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * The bytes that came and were not delivered, in a buffer the caller owns; ends `stop`.
   * Pushing them again continues where delivery stopped. Not to be called from within `onPacket`: there, `push` still
   * holds the rest of the chunk.
   */
  takeRemainder(): Buffer {
    const { undelivered } = this;
    const partial = this.held?.subarray(0, this.heldBytes);
    this.undelivered = undefined;
    this.stopped = false;
    if (partial === undefined) return undelivered ?? NOTHING;
    this.forget();
    return Buffer.concat(undelivered === undefined ? [partial] : [partial, undelivered]);
  }

  /** Ends `stop`, and delivers what has come meanwhile. Not to be called from within `onPacket` either. */
  goOn(): void {
    if (this.stopped) this.push(this.takeRemainder());
  }

  /** Takes bytes into the held packet until it is complete; returns the offset of the first byte not taken. */
  private collect(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    while (offset < end) {
      if (this.skipBytes > 0) {
        const skipped = Math.min(this.skipBytes, end - offset);
        this.skipBytes -= skipped;
        offset += skipped;
      } else {
        offset += this.hold(chunk, offset, end);
        if (this.frameBytes < 0 && !this.readHeader()) continue;
      }
      if (this.frameComplete() && this.endFrame()) return offset;
    }
    return offset;
  }

  /** Copies what is missing of the current header, or of the current payload, as far as the chunk has it. */
  private hold(chunk: Buffer, offset: number, end: number): number {
    const wanted = this.frameStart + HEADER_BYTES + Math.max(this.frameBytes, 0);
    const bytes = Math.min(wanted - this.heldBytes, end - offset);
    this.reserve(this.heldBytes + bytes, wanted);
    chunk.copy(this.held!, this.heldBytes, offset, offset + bytes);
    this.heldBytes += bytes;
    return bytes;
  }

  /** False while the current header is incomplete. */
  private readHeader(): boolean {
    const at = this.frameStart;
    if (this.heldBytes < at + HEADER_BYTES) return false;
    const held = this.held!;
    this.frameBytes = held[at]! | (held[at + 1]! << 8) | (held[at + 2]! << 16);
    this.packetBytes += this.frameBytes;
    if (this.packetBytes > this.maxPacketBytes) this.skipping = true;
    if (this.skipping) {
      // Only the header is kept, at the front: the sequence id is wanted at the end.
      held.copyWithin(0, at, at + HEADER_BYTES);
      this.frameStart = 0;
      this.heldBytes = HEADER_BYTES;
      this.skipBytes = this.frameBytes;
    }
    return true;
  }

  private frameComplete(): boolean {
    if (this.skipping) return this.skipBytes === 0;
    return this.heldBytes === this.frameStart + HEADER_BYTES + this.frameBytes;
  }

  /** Goes on to the packet's next frame (false), or delivers the packet (true). */
  private endFrame(): boolean {
    const continued = this.frameBytes === MAX_FRAME_BYTES;
    const held = this.held!;
    const sequenceId = held[this.frameStart + 3]!;
    this.frameBytes = -1;
    if (continued) {
      if (this.skipping) this.heldBytes = 0;
      this.frameStart = this.heldBytes;
      return false;
    }
    const packetBytes = this.packetBytes;
    const skipped = this.skipping;
    this.forget();
    if (skipped) this.sink.onTooLarge?.(packetBytes, sequenceId);
    else this.sink.onPacket(held, HEADER_BYTES, joinFrames(held, packetBytes), sequenceId);
    return true;
  }

  private forget(): void {
    this.held = undefined;
    this.heldBytes = 0;
    this.frameStart = 0;
    this.frameBytes = -1;
    this.packetBytes = 0;
    this.skipping = false;
    this.skipBytes = 0;
  }

  private setAside(chunk: Buffer, offset: number, end: number): void {
    if (offset === end) return;
    const rest = chunk.subarray(offset, end);
    this.undelivered = Buffer.concat(this.undelivered === undefined ? [rest] : [this.undelivered, rest]);
  }

  /** Room for `bytes`; never much more than `wanted`, the length of what is being collected. */
  private reserve(bytes: number, wanted: number): void {
    const held = this.held;
    if (held !== undefined && held.length >= bytes) return;
    const doubled = Math.max(bytes, (held?.length ?? 0) * 2, HELD_BYTES_MIN);
    const grown = Buffer.allocUnsafe(Math.max(bytes, Math.min(doubled, Math.max(wanted, HELD_BYTES_MIN))));
    held?.copy(grown, 0, 0, this.heldBytes);
    this.held = grown;
  }
}

/** Closes the gaps that inner headers leave between the frames of one packet; returns the end of the payload. */
function joinFrames(raw: Buffer, packetBytes: number): number {
  const end = HEADER_BYTES + packetBytes;
  let joined = HEADER_BYTES + MAX_FRAME_BYTES;
  let from = joined + HEADER_BYTES;
  while (joined < end) {
    const bytes = Math.min(MAX_FRAME_BYTES, end - joined);
    raw.copyWithin(joined, from, from + bytes);
    joined += bytes;
    from += bytes + HEADER_BYTES;
  }
  return end;
}
