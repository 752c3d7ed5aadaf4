/**
 * AdminReply to packets, with the column metadata and status flags of ProxySQL's admin port.
 */

import { writeBinaryResultset } from '../../src/protocol/binary-resultset.ts';
import { ColumnType } from '../../src/protocol/column-types.ts';
import { HEADER_BYTES } from '../../src/protocol/framer.ts';
import { writeErr, writeOk } from '../../src/protocol/ok-err-eof.ts';
import type { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { type ColumnDefinition, writeTextResultset } from '../../src/protocol/text-resultset.ts';
import type { PlainReply, UnusualPackets } from '../reply.ts';

/** Autocommit is on, and backslashes escape nothing in SQLite's strings; clients quote by the latter. */
export const ADMIN_STATUS = StatusFlag.AUTOCOMMIT | StatusFlag.NO_BACKSLASH_ESCAPES;

/** utf8_general_ci. */
export const ADMIN_CHARSET = 33;
const BINARY = 63;
const WARNINGS_MAX = 0xffff;

/** Whatever the data, a column looks like this (recorded from ProxySQL 2.7.1: length 15, NOT NULL, 31 decimals). */
export function columnDefinition(name: string): ColumnDefinition {
  return { name, type: ColumnType.VAR_STRING, charset: ADMIN_CHARSET, length: 15, flags: 1, decimals: 31 };
}

/** Recorded from ProxySQL 2.7.1 for SELECT GLOBAL_CHECKSUM(): length 31, flags NOT_NULL, UNSIGNED and BINARY. */
function checksumDefinition(name: string): ColumnDefinition {
  return { name, type: ColumnType.LONGLONG, charset: BINARY, length: 31, flags: 161, decimals: 0 };
}

/** Recorded for SELECT @@global.read_only: flag BINARY. */
function readOnlyDefinition(name: string): ColumnDefinition {
  return { name, type: ColumnType.LONGLONG, charset: BINARY, length: 1, flags: 128, decimals: 0 };
}

interface Look {
  readonly column: (name: string) => ColumnDefinition;
  readonly statusFlags: number;
}

const USUAL: Look = { column: columnDefinition, statusFlags: ADMIN_STATUS };
const UNUSUAL: Readonly<Record<UnusualPackets, Look>> = {
  'global-checksum': { ...USUAL, column: checksumDefinition },
  'read-only-number': { column: readOnlyDefinition, statusFlags: StatusFlag.AUTOCOMMIT },
  'read-only-word': { ...USUAL, statusFlags: StatusFlag.AUTOCOMMIT },
};

export interface ReplyFrame {
  readonly sequenceId: number;
  /** Another result follows in the same answer. */
  readonly moreResults: boolean;
  readonly deprecateEof: boolean;
  /** Rows as COM_STMT_EXECUTE wants them; not said: as text. */
  readonly binary?: boolean;
}

/** Writes one result; returns the next sequence id. There is nothing to write for `hang-up`. */
export function encodeReply(writer: PacketWriter, reply: PlainReply, frame: ReplyFrame): number {
  const { sequenceId, moreResults, deprecateEof } = frame;
  switch (reply.kind) {
    case 'ok':
      return writeOk(writer, sequenceId, {
        affectedRows: reply.affectedRows ?? 0,
        statusFlags: ADMIN_STATUS | (moreResults ? StatusFlag.MORE_RESULTS_EXISTS : 0),
        warnings: Math.min(reply.warnings ?? 0, WARNINGS_MAX),
        ...(reply.info === undefined ? {} : { info: reply.info }),
      });
    case 'rows': {
      const look = reply.packets === undefined ? USUAL : UNUSUAL[reply.packets];
      return (frame.binary === true ? writeBinaryResultset : writeTextResultset)(writer, sequenceId, {
        columns: reply.columns.map(look.column),
        rows: reply.rows,
        statusFlags: look.statusFlags,
        deprecateEof,
        moreResults,
      });
    }
    case 'error':
      return writeErr(writer, sequenceId, reply.error);
    case 'hang-up':
      return sequenceId;
  }
}

/** Puts packets that were numbered from 1 into their place of an answer; returns the next sequence id. */
export function renumber(chunks: readonly Buffer[], { sequenceId, moreResults }: ReplyFrame): number {
  if (sequenceId === 1 && !moreResults) return sequenceId;
  let next = sequenceId;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += HEADER_BYTES + chunk.readUIntLE(at, 3)) {
      chunk[at + 3] = next;
      next = (next + 1) & 0xff;
    }
  }
  const last = chunks.at(-1);
  // The last packet is an EOF, which ends with the status flags.
  if (moreResults && last !== undefined) last[last.length - 2]! |= StatusFlag.MORE_RESULTS_EXISTS;
  return next;
}
