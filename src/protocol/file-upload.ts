/**
 * Where a client's file ends that a server asked for (LOAD DATA LOCAL): packets of any content up to an empty one. It
 * reads headers alone and keeps nothing.
 */
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';

export class FileUpload {
  /** The empty packet has passed. */
  done = false;
  #header = 0;
  #headerBytes = 0;
  #payloadLeft = 0;
  /** The frame before was a full one, so that an empty frame only ends its packet. */
  #continued = false;

  /** Consumes `chunk`; returns the offset just behind the file's end when it lies inside, else the chunk's length. */
  push(chunk: Buffer): number {
    let offset = 0;
    while (offset < chunk.length && !this.done) {
      if (this.#payloadLeft > 0) {
        const passed = Math.min(this.#payloadLeft, chunk.length - offset);
        this.#payloadLeft -= passed;
        offset += passed;
        continue;
      }
      this.#header |= (chunk[offset] ?? 0) << (8 * this.#headerBytes);
      this.#headerBytes += 1;
      offset += 1;
      if (this.#headerBytes === HEADER_BYTES) this.#beginFrame();
    }
    return offset;
  }

  #beginFrame(): void {
    const bytes = this.#header & MAX_FRAME_BYTES;
    this.done = bytes === 0 && !this.#continued;
    this.#continued = bytes === MAX_FRAME_BYTES;
    this.#payloadLeft = bytes;
    this.#header = 0;
    this.#headerBytes = 0;
  }
}
