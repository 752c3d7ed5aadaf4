import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendConnection, ConnectionHome } from '../../../src/backend/backend-connection.ts';
import { mirroredState } from '../../../src/backend/mirrored-state.ts';
import { Admission } from '../../../src/hostgroup/admission.ts';
import type { HostgroupManager } from '../../../src/hostgroup/hostgroup-manager.ts';
import { LaneCount } from '../../../src/hostgroup/lane-count.ts';
import { Lanes } from '../../../src/hostgroup/lanes.ts';
import { commandFrame } from '../../../src/protocol/command-frame.ts';
import { Command } from '../../../src/protocol/commands.ts';
import type { ProtocolError } from '../../../src/protocol/errors.ts';
import { HEADER_BYTES } from '../../../src/protocol/framer.ts';
import { writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { Cursors } from '../../../src/session/cursors.ts';
import { slotOf } from '../../../src/session/decide.ts';
import { paceLessonsMin } from '../../../src/session/digest-pace.ts';
import { Leases, Lingering } from '../../../src/session/leases.ts';
import type { RunOwner } from '../../../src/session/run/run-owner.ts';
import { StatementRun } from '../../../src/session/run/statement-run.ts';
import { draftOf, type Statement } from '../../../src/session/statement.ts';
import { UnmirroredSets } from '../../../src/session/unmirrored-sets.ts';
import { DigestCache } from '../../../src/sql/digest-cache.ts';
import { fakeBackend, settled } from '../../helpers/fake-servers.ts';
import type { FakeSocket } from '../../helpers/fake-socket.ts';
import { errorPacket, valueResultset } from '../../helpers/scripted-backend.ts';

const STATE = mirroredState('', { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' });

function okPacket(affectedRows: number, statusFlags: number = StatusFlag.AUTOCOMMIT): Buffer {
  const writer = new PacketWriter();
  writeOk(writer, 1, { affectedRows, lastInsertId: 0, statusFlags, warnings: 0, info: '' });
  return Buffer.from(writer.take());
}

/** The state of connections that are new: those of a session in another schema are brought to it first. */
const ELSEWHERE = { ...STATE, schema: 'elsewhere', key: 'elsewhere' };

const HOME = {
  hostgroup: 0,
  status: 'ONLINE',
  admission: new Admission(),
  laneCount: new LaneCount(),
  bytesReceived() {},
  bytesSent() {},
  commandSent() {},
  noteQuery() {},
  noteSyncStep() {},
  connectionLost() {},
} as unknown as ConnectionHome;

/** Two connections, the first of which is taken first, and lanes. */
function pool() {
  const lanes = new Lanes();
  const backends = [fakeBackend({ home: HOME }), fakeBackend({ home: HOME })];
  const free = backends.map(({ connection }) => connection);
  const given: BackendConnection[] = [];
  const hostgroups = {
    take: () => free.shift(),
    takeLane: () => lanes.all[0] ?? free.shift(),
    openLane(connection: BackendConnection) {
      lanes.open(connection);
      return true;
    },
    closeLane: (connection: BackendConnection) => lanes.close(connection),
    giveBack: (one: BackendConnection) => given.push(one),
  } as unknown as HostgroupManager;
  return { hostgroups, lanes, given, sockets: backends.map(({ socket }) => socket), connections: [...free] };
}

/** A session's run whose KILL is with the server when the test says so. */
function session(hostgroups: HostgroupManager, state = STATE) {
  const done: string[] = [];
  const written: Buffer[] = [];
  const lingering = new Lingering({ nowMs: () => 0 });
  const leases = new Leases(hostgroups, lingering);
  let killIsSent = () => {};
  const owner = {
    client: {
      write: (bytes: Buffer) => written.push(Buffer.from(bytes)) > 0,
      sentAll: true,
      socket: { pause() {}, resume() {}, writableLength: 0 },
    },
    leases,
    cursors: new Cursors(leases),
    unmirroredSets: new UnmirroredSets(),
    hostgroups,
    variables: { multiplexing: true, queryRetriesOnFailure: 0 },
    state,
    backendUser: { username: 'app', secret: {} },
    shape: 0,
    lastInsertId: 0,
    counters: {},
    pipelining: true,
    sharesNothing: true,
    gtidSources: new Set(),
    takeNextTransaction: () => [],
    killQuery: () =>
      new Promise<void>((resolve) => {
        killIsSent = resolve;
      }),
    statementDone: () => done.push('done'),
    serverRefused() {},
    statementFailed: (_statement: Statement, { code }: ProtocolError) => done.push(`failed: ${code}`),
  };
  const run = new StatementRun(owner as unknown as RunOwner);
  return { done, leases, lingering, run, killIsSent: () => killIsSent(), answer: () => Buffer.concat(written) };
}

/** What a server says to each command that was written to it: a SELECT has its text for an answer. */
function answersTo(socket: FakeSocket): Buffer[] {
  const bytes = socket.take();
  const answers: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += HEADER_BYTES + bytes.readUIntLE(at, 3)) {
    const text = bytes.toString('latin1', at + HEADER_BYTES + 1, at + HEADER_BYTES + bytes.readUIntLE(at, 3));
    answers.push(text.startsWith('SELECT') ? valueResultset(text) : okPacket(0));
  }
  return answers;
}

function serve(socket: FakeSocket): void {
  for (const answer of answersTo(socket)) socket.feed(answer);
}

const digests = new DigestCache();

function statement(sql: string): Statement {
  const text = Buffer.from(sql);
  const entry = digests.lookup(text, 0, text.length);
  const facts = digests.factsOf(entry, text, 0, text.length);
  return { ...draftOf('query', commandFrame(Command.COM_QUERY, text), entry, facts, '', 0), hostgroup: 0 };
}

/** A read that may share a connection. */
function read(mark: string): Statement {
  const one = statement(`SELECT '${mark}'`);
  for (let i = 0; i < paceLessonsMin; i++) slotOf(one.entry).pace.learn(0.1, 100, 0.1);
  return one;
}

describe('a KILL that comes too late for its statement', () => {
  it('keeps the connection from everybody until the server has forgotten it', async () => {
    const { hostgroups, given, connections, sockets } = pool();
    const [connection, socket] = [connections[0] as BackendConnection, sockets[0] as FakeSocket];
    const { done, lingering, run, killIsSent } = session(hostgroups);
    run.run(statement('INSERT INTO log VALUES (1)'));
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

  it('does not hide that a transaction went with the connection that was lost meanwhile', async () => {
    const { hostgroups, connections, sockets } = pool();
    const [connection, socket] = [connections[0] as BackendConnection, sockets[0] as FakeSocket];
    const { done, leases, run, killIsSent } = session(hostgroups);
    run.run(statement('INSERT INTO pairs VALUES (1)'));
    run.kill('kill');
    socket.feed(okPacket(1, StatusFlag.AUTOCOMMIT | StatusFlag.IN_TRANS));
    killIsSent();
    await settled();
    assert.equal(run.phase, 'awaiting-kill');
    connection.destroy();
    assert.deepEqual(done, ['done'], 'it was answered before');
    assert.equal(leases.inTransaction(), connection, 'a COMMIT is not answered as if there were none');
    run.run(statement('INSERT INTO pairs VALUES (1)'));
    assert.deepEqual(done, ['done', 'failed: 2013']);
    assert.equal(leases.inTransaction(), undefined);
  });

  it('keeps it as well when not even its synchronisation succeeded', async () => {
    const { hostgroups, given, connections, sockets } = pool();
    const [connection, socket] = [connections[0] as BackendConnection, sockets[0] as FakeSocket];
    const { done, run, killIsSent } = session(hostgroups, ELSEWHERE);
    run.run(statement('SELECT 1'));
    assert.equal(run.phase, 'syncing');
    run.kill('kill');
    socket.feed(errorPacket(1, 1049, "Unknown database 'elsewhere'"));
    assert.deepEqual([given.length, done, run.phase], [0, [], 'awaiting-kill']);
    killIsSent();
    await settled();
    assert.equal(connection.idle, false, 'a COM_PING is under way');
    socket.feed(okPacket(0));
    assert.deepEqual([given, done], [[connection], ['failed: 1317']]);
  });

  it('leaves its statement alone on the connection, also when it came before the statement was sent', async () => {
    const { hostgroups, lanes, connections, sockets } = pool();
    const [connection, socket] = [connections[0] as BackendConnection, sockets[0] as FakeSocket];
    const killed = session(hostgroups, ELSEWHERE);
    const other = session(hostgroups, ELSEWHERE);
    killed.run.run(read('killed'));
    assert.equal(killed.run.phase, 'syncing');
    killed.run.kill('kill');
    await settled();
    serve(socket);
    other.run.run(read('other'));
    await settled();
    // If others have joined they wait.
    const [answer, ...late] = answersTo(socket);
    socket.feed(answer as Buffer);
    killed.killIsSent();
    await settled();
    // What the watch over lanes does when the head takes long.
    lanes.close(connection);
    connection.moveOthers();
    for (const one of late) socket.feed(one);
    for (let turn = 0; turn < 5; turn++) {
      for (const one of sockets) serve(one);
      await settled();
    }
    assert.deepEqual(killed.done, ['done']);
    assert.equal(killed.answer().toString('latin1'), valueResultset("SELECT 'killed'").toString('latin1'), 'once');
  });
});
