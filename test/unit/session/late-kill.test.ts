import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendConnection, ConnectionHome } from '../../../src/backend/backend-connection.ts';
import { mirroredState } from '../../../src/backend/mirrored-state.ts';
import { Admission } from '../../../src/hostgroup/admission.ts';
import type { HostgroupManager } from '../../../src/hostgroup/hostgroup-manager.ts';
import { LaneCount } from '../../../src/hostgroup/lane-count.ts';
import { commandFrame } from '../../../src/protocol/command-frame.ts';
import { Command } from '../../../src/protocol/commands.ts';
import { writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { NO_DECISION } from '../../../src/rules/decision.ts';
import { Cursors } from '../../../src/session/cursors.ts';
import { Leases, Lingering } from '../../../src/session/leases.ts';
import type { Statement } from '../../../src/session/statement.ts';
import { type RunOwner, StatementRun } from '../../../src/session/statement-run.ts';
import { UnmirroredSets } from '../../../src/session/unmirrored-sets.ts';
import { DigestCache } from '../../../src/sql/digest-cache.ts';
import { fakeBackend } from '../../helpers/fake-servers.ts';

const STATE = mirroredState('', { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' });

function okPacket(affectedRows: number): Buffer {
  const writer = new PacketWriter();
  writeOk(writer, 1, { affectedRows, lastInsertId: 0, statusFlags: StatusFlag.AUTOCOMMIT, warnings: 0, info: '' });
  return Buffer.from(writer.take());
}

/** A run whose KILL is with the server when the test says so. */
function stage() {
  const given: BackendConnection[] = [];
  const done: string[] = [];
  const home = {
    hostgroup: 0,
    status: 'ONLINE',
    admission: new Admission(),
    laneCount: new LaneCount(),
    bytesReceived() {},
    bytesSent() {},
    commandSent() {},
    noteQuery() {},
    connectionLost() {},
  };
  const { connection, socket } = fakeBackend({ home: home as unknown as ConnectionHome });
  const hostgroups = {
    take: () => connection,
    giveBack: (one: BackendConnection) => given.push(one),
  } as unknown as HostgroupManager;
  const lingering = new Lingering({ nowMs: () => 0 });
  const leases = new Leases(hostgroups, lingering);
  let killIsSent = () => {};
  const owner = {
    client: { write: () => true, sentAll: true, socket: { pause() {}, resume() {}, writableLength: 0 } },
    leases,
    cursors: new Cursors(leases),
    unmirroredSets: new UnmirroredSets(),
    hostgroups,
    variables: { multiplexing: true, queryRetriesOnFailure: 0 },
    state: STATE,
    backendUser: { username: 'app', secret: {} },
    shape: 0,
    lastInsertId: 0,
    counters: {},
    pipelining: false,
    sharesNothing: false,
    takeNextTransaction: () => [],
    killQuery: () =>
      new Promise<void>((resolve) => {
        killIsSent = resolve;
      }),
    statementDone: () => done.push('done'),
    serverRefused() {},
    statementFailed: () => done.push('failed'),
  };
  const run = new StatementRun(owner as unknown as RunOwner);
  return { connection, socket, given, done, lingering, run, killIsSent: () => killIsSent() };
}

function insert(): Statement {
  const text = Buffer.from('INSERT INTO log VALUES (1)');
  const digests = new DigestCache();
  const entry = digests.lookup(text, 0, text.length);
  return {
    command: 'query',
    hostgroup: 0,
    frame: commandFrame(Command.COM_QUERY, text),
    facts: digests.factsOf(entry, text, 0, text.length),
    entry,
    decision: NO_DECISION,
    prepared: undefined,
    preparing: undefined,
    startedAt: 0,
    schema: '',
  };
}

describe('a KILL that comes too late for its statement', () => {
  it('keeps the connection from everybody until the server has forgotten it', async () => {
    const { connection, socket, given, done, lingering, run, killIsSent } = stage();
    run.run(insert());
    run.kill('kill');
    socket.feed(okPacket(1));
    // Whoever waits for a connection has what is only kept in case somebody asks for its row count.
    lingering.sweep(0);
    assert.deepEqual([given.length, connection.idle, run.phase], [0, true, 'awaiting-kill']);
    killIsSent();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(connection.idle, false, 'a COM_PING is under way');
    lingering.sweep(0);
    socket.feed(okPacket(0));
    assert.deepEqual(done, ['done']);
    lingering.sweep(0);
    assert.deepEqual(given, [connection], 'given back once');
  });
});
