/**
 * One statement on its way through a session: one object from the command to its answer, filled in until its destination
 * is known and only read from then on.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import type { QueryAttributes } from '../protocol/query-attributes.ts';
import type { ResponseWalker } from '../protocol/response-walker.ts';
import type { Annotations } from '../rules/annotations.ts';
import { type Decision, NO_DECISION } from '../rules/decision.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { StatementFacts } from '../sql/facts.ts';
import type { PreparedStatement } from './prepared-statements.ts';

/** Sees the bytes of an answer as they go to the client, changes nothing and takes its time never. */
export interface AnswerTee {
  take(chunk: Buffer): void;
  /** The answer is complete; `walker` describes it until the return. Not called for an answer that was cut off. */
  end(walker: ResponseWalker, connection: BackendConnection): void;
}

/** What an answer passes before anybody else sees it. */
export interface AnswerGate {
  /** The answer was cut off with this error. */
  readonly cut: ProtocolError | undefined;
  /** Takes the next bytes of the answer, which may be changed in place; returns those for the client, maybe none. */
  push(bytes: Buffer): Buffer;
}

export interface Statement {
  readonly command: 'query' | 'prepare' | 'execute' | 'fetch' | 'field-list';
  readonly hostgroup: number;
  /** Bytes for the server, header and all. */
  readonly frame: Buffer;
  readonly facts: StatementFacts;
  readonly entry: DigestEntry;
  /** What the digest tells of the tokens holds for this statement; see DigestComputer.faithful. */
  readonly faithful: boolean;
  readonly decision: Decision;
  /** The statement of an EXECUTE, or of a FETCH from its cursor. */
  readonly prepared: PreparedStatement | undefined;
  /** The text of a PREPARE: as the server gets it, after rewriting, and as the client sent it. */
  readonly preparing:
    | {
        readonly text: Buffer;
        readonly originalText: Buffer;
        readonly originalEntry: DigestEntry;
        readonly annotations: Annotations | undefined;
      }
    | undefined;
  /** `performance.now()` at the arrival of the command. */
  readonly startedAt: number;
  /** The schema when the command arrived; what the digest table shows. */
  readonly schema: string;
  /** Absent for almost all statements. */
  readonly tee?: AnswerTee | undefined;
  // These four are set once, by the guard when it admits the statement: a copy would cost more than the judgement.
  /** Undefined for users who are exempt from masking. */
  filter?: AnswerGate | undefined;
  /** Columns of the answer are to be masked. */
  masked?: boolean;
  /** What masking makes of the answer depends on this: answers under another key are other answers. */
  viewKey?: string | undefined;
  /** The text as the server gets it, where masking changed it: of a query in the place of the frame, else for PREPARE. */
  sentText?: Buffer | undefined;
  /** The connection is brought to the session's state, and that is all: whether a server takes what a SET says. */
  readonly stateOnly?: boolean;
  /** What the client sent along; absent for almost all statements. */
  readonly attributes?: QueryAttributes | undefined;
  /** The SELECT that stands for a COM_FIELD_LIST. */
  readonly fieldListText?: Buffer | undefined;
}

/** A statement that is not decided yet: only its session has it. */
export type Draft = { -readonly [Field in keyof Statement]: Statement[Field] };

/** @param startedAt `performance.now()` at the arrival of the command */
export function draftOf(
  command: Statement['command'],
  frame: Buffer,
  entry: DigestEntry,
  facts: StatementFacts,
  schema: string,
  startedAt: number,
): Draft {
  return {
    command,
    hostgroup: -1,
    frame,
    facts,
    entry,
    faithful: false,
    decision: NO_DECISION,
    prepared: undefined,
    preparing: undefined,
    startedAt,
    schema,
    tee: undefined,
    filter: undefined,
    masked: false,
    viewKey: undefined,
    sentText: undefined,
    stateOnly: false,
    fieldListText: undefined,
  };
}
