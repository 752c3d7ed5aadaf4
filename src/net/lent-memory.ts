/**
 * The memory that all clients' bytes are read into, one client's at a time: thousands of them are idle. What is read is
 * lent: its reader copies what it keeps beyond its return. It reads nothing itself.
 */

/** One read of a socket gives this many bytes at most. */
export const readBytesMax = 64 * 1024;

/** `buffer[0, bytes)` has just arrived. Lent or not, it is the reader's until it returns. */
export type OnRead = (buffer: Buffer, bytes: number) => void;

const clientMemory = Buffer.allocUnsafeSlow(readBytesMax);

/** A buffer of lent memory must not be kept, not even a part of it. */
export function isLent(buffer: Buffer): boolean {
  return buffer === clientMemory;
}

/** The memory for one client after the other. */
export function memoryOfClients(): Buffer {
  return clientMemory;
}

/** Tests ask for it: what was lent is overwritten at once, so that whoever has kept it is found out. */
export const overwritesLentReads: boolean = process.env.SLUICE_OVERWRITE_LENT_READS === '1';

/** What is written over it. */
export const OVERWRITTEN_WITH = 0xa5;
