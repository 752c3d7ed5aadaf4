import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServerEntry } from '../../../runtime/snapshot.ts';
import { readMysqlVariables } from '../../../runtime/variables.ts';
import type { BackendConnection } from '../../../src/backend/backend-connection.ts';
import { withSchema } from '../../../src/backend/mirrored-state.ts';
import { LoginRefused } from '../../../src/connection-phase/client-login.ts';
import { passedOverMs } from '../../../src/hostgroup/connection-broker.ts';
import { ShapeMismatch } from '../../../src/hostgroup/connector.ts';
import { closedConnectionMs, fullServerPauseMs } from '../../../src/hostgroup/full-servers.ts';
import { HostgroupManager, upkeepIntervalMs } from '../../../src/hostgroup/hostgroup-manager.ts';
import { waitQueueLengthMax } from '../../../src/hostgroup/waiting-room.ts';
import { Counters } from '../../../src/observe/counters.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import type { ProtocolError } from '../../../src/protocol/errors.ts';
import { SessionEffect } from '../../../src/sql/facts.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { ALL_PLACES, FakeServers, serverEntry, settled } from '../../helpers/fake-servers.ts';
import { errorPacket, okPacket } from '../../helpers/scripted-backend.ts';

const COM_PING = Buffer.from([1, 0, 0, 0, 0x0e]);
const COM_RESET_CONNECTION = Buffer.from([1, 0, 0, 0, 0x1f]);

/** What a request came to. */
class Asked {
  connection: BackendConnection | undefined;
  error: ProtocolError | undefined;
  cancel: () => void = () => undefined;
}

interface AskOptions {
  readonly hostgroup?: number;
  readonly username?: string;
  readonly shape?: number;
  readonly stateKey?: string;
  readonly schemaless?: boolean;
  readonly after?: BackendConnection;
}

class Pool {
  readonly clock = new FakeClock();
  readonly servers = new FakeServers();
  readonly counters = new Counters();
  readonly manager: HostgroupManager;
  pressed = 0;
  /** Of which user's connections other workers were asked to close one. */
  readonly full: (string | undefined)[] = [];

  constructor(entries: readonly ServerEntry[], variables: Record<string, string> = {}) {
    this.manager = new HostgroupManager({
      logger: silentLogger(),
      workerIndex: 0,
      workerCount: 1,
      variables: readMysqlVariables({ connect_retries_delay: '10', ...variables }),
      counters: this.counters,
      clock: this.clock,
      connect: this.servers.connect,
      places: ALL_PLACES,
      onPressure: () => {
        this.pressed += 1;
      },
      onFull: (limit) => {
        this.full.push(limit.username);
      },
    });
    this.manager.apply(entries);
  }

  wish(options: AskOptions = {}) {
    return {
      username: options.username ?? 'app',
      shape: options.shape ?? 0,
      stateKey: options.stateKey ?? '',
      schemaless: options.schemaless ?? false,
      fresh: false,
    };
  }

  ask(options: AskOptions = {}): Asked {
    const asked = new Asked();
    const wish = this.wish(options);
    asked.cancel = this.manager.request({
      hostgroup: options.hostgroup ?? 1,
      user: { username: wish.username, secret: {} },
      wish,
      after: options.after,
      onConnection: (connection) => {
        asked.connection = connection;
      },
      onFailure: (error) => {
        asked.error = error;
      },
    });
    return asked;
  }

  /** A connection in use, as a session would have it. */
  async connection(options: AskOptions = {}): Promise<BackendConnection> {
    const free = this.manager.take(options.hostgroup ?? 1, this.wish(options));
    if (free !== undefined) return free;
    const asked = this.ask(options);
    await settled();
    assert.ok(asked.connection, JSON.stringify(asked.error));
    return asked.connection;
  }

  sweepAfter(ms: number): void {
    this.clock.advance(ms);
    this.manager.sweep();
  }

  row(hostname = 'a', reset = false) {
    const row = this.manager.rows(reset).find((r) => r.srvHost === hostname);
    assert.ok(row, `no row of ${hostname}`);
    return row;
  }
}

describe('connections of a hostgroup', () => {
  it('come from the pool when one is free, in sync if possible', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const first = await pool.connection();
    const second = await pool.connection();
    pool.manager.giveBack(first);
    pool.manager.giveBack(second);
    assert.equal(pool.manager.take(1, pool.wish({ stateKey: first.state.key })), second, 'the one used last');
    first.state = { ...first.state, key: 'other' };
    pool.manager.giveBack(second);
    assert.equal(pool.manager.take(1, pool.wish({ stateKey: 'other' })), first, 'the one that needs no sync');
    assert.equal(pool.row().connUsed, 1);
    assert.equal(pool.row().connFree, 1);
    assert.equal(pool.servers.opened.length, 2);
  });

  it('serve who has no schema only when they have none, and others then last', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 2 })]);
    const entered = await pool.connection();
    const none = await pool.connection();
    entered.state = withSchema(entered.state, 'clinic');
    for (const connection of [entered, none]) pool.manager.giveBack(connection);
    const schemaless = pool.wish({ schemaless: true, stateKey: none.state.key });
    assert.equal(pool.manager.take(1, pool.wish({ stateKey: 'another' })), entered);
    assert.equal(pool.manager.take(1, schemaless), none);
    const asked = pool.ask({ schemaless: true });
    pool.manager.giveBack(entered);
    await settled();
    assert.ok(entered.lost, 'it makes room for one that has never been in a schema');
    assert.equal(asked.connection?.state.schema, '');
    const behind = pool.ask({ schemaless: true });
    pool.manager.giveBack(none);
    assert.equal(behind.connection, none);
  });

  it('are given to who waits in the like of it, and by turns to who has waited long', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 1 })]);
    const entered = await pool.connection();
    entered.state = withSchema(entered.state, 'clinic');
    const none = pool.ask({ schemaless: true });
    const some = [pool.ask(), pool.ask(), pool.ask()];
    pool.manager.giveBack(entered);
    assert.equal(some[0]?.connection, entered, 'passed over for now');
    pool.clock.advance(passedOverMs);
    pool.manager.giveBack(entered);
    await settled();
    assert.ok(entered.lost);
    const fresh = none.connection;
    assert.ok(fresh !== undefined && fresh !== entered);
    const another = pool.ask({ schemaless: true });
    pool.manager.giveBack(fresh);
    assert.equal(some[1]?.connection, fresh, 'has waited longer');
    assert.equal(another.connection, undefined);
  });

  it('are not shared between users or shapes', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    pool.manager.giveBack(await pool.connection({ username: 'app', shape: 2 }));
    assert.equal(pool.manager.take(1, pool.wish({ username: 'other', shape: 2 })), undefined);
    assert.equal(pool.manager.take(1, pool.wish({ username: 'app', shape: 0 })), undefined);
    assert.ok(pool.manager.take(1, pool.wish({ username: 'app', shape: 2 })));
  });

  it('log in again when the rights of their account have changed', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const held = await pool.connection();
    pool.manager.giveBack(await pool.connection());
    const others = await pool.connection({ username: 'other' });
    pool.manager.giveBack(others);
    pool.clock.advance(1);
    pool.manager.renew(['app']);
    assert.equal(pool.manager.take(1, pool.wish()), undefined, 'the free one is closed');
    pool.manager.giveBack(held);
    assert.equal(pool.manager.take(1, pool.wish()), undefined, 'the held one is closed when it comes back');
    assert.equal(pool.manager.take(1, pool.wish({ username: 'other' })), others);
    pool.manager.renew([]);
    pool.manager.giveBack(others);
    assert.equal(pool.row().connFree, 0, 'of everybody when nobody is named');
    pool.clock.advance(1);
    pool.manager.giveBack(await pool.connection());
    assert.equal(pool.row().connFree, 1);
  });

  it('go to servers by weight, and never to weight 0', async () => {
    const pool = new Pool([
      serverEntry(1, 'a', { weight: 3, maxConnections: 1000 }),
      serverEntry(1, 'b', { weight: 1, maxConnections: 1000 }),
      serverEntry(1, 'none', { weight: 0 }),
    ]);
    for (let i = 0; i < 100; i++) await pool.connection();
    assert.ok(Math.abs(pool.row('a').connUsed - 75) <= 2, String(pool.row('a').connUsed));
    assert.equal(pool.row('none').connUsed, 0);
  });

  it('are not opened faster than mysql-throttle_connections_per_sec_to_hostgroup, or a row of its hostgroup, says', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { throttle_connections_per_sec_to_hostgroup: '2' });
    const asked = Array.from({ length: 5 }, () => pool.ask());
    const served = (): number => asked.filter(({ connection }) => connection !== undefined).length;
    await settled();
    assert.equal(served(), 2);
    pool.sweepAfter(900);
    await settled();
    assert.equal(served(), 2);
    pool.sweepAfter(100);
    await settled();
    assert.equal(served(), 4);
    assert.equal(pool.counters.Server_Connections_delayed, 3);
    pool.manager.setHostgroupAttributes([{ hostgroup: 1, pipelining: undefined, connectsPerSecond: 1_000 }]);
    pool.sweepAfter(100);
    await settled();
    assert.equal(served(), 5);
  });

  it('are counted', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const one = await pool.connection();
    await pool.connection();
    pool.manager.giveBack(one);
    await pool.connection();
    const { counters } = pool;
    assert.equal(counters.Server_Connections_created, 2);
    assert.equal(counters.Server_Connections_connected, 2);
    assert.equal(counters.ConnPool_get_conn_success, 3);
    assert.equal(counters.ConnPool_get_conn_immediate, 1);
    one.destroy();
    assert.equal(counters.Server_Connections_connected, 1);
    const before = pool.row('a', true);
    assert.deepEqual([before.connOk, before.maxConnUsed, before.connUsed], [2, 2, 1]);
    const after = pool.row('a');
    assert.deepEqual([after.connOk, after.maxConnUsed, after.connUsed], [0, 1, 1], 'a reset keeps what is a level');
  });

  it('a session that throws is no failure of the server', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 2 })]);
    let failure: ProtocolError | undefined;
    pool.manager.request({
      hostgroup: 1,
      user: { username: 'app', secret: {} },
      wish: pool.wish(),
      after: undefined,
      onConnection: () => {
        throw new Error('a bug of a session');
      },
      onFailure: (error) => {
        failure = error;
      },
    });
    await settled();
    assert.equal((failure as ProtocolError | undefined)?.code, 2013);
    assert.deepEqual([pool.row().connErr, pool.row().connUsed, pool.row().status], [0, 0, 'ONLINE']);
    assert.equal(pool.servers.opened.length, 1);
  });
});

describe('a full hostgroup', () => {
  it('lets requests wait in order, and tells sessions to give back what they only keep just in case', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 1 })]);
    const held = await pool.connection();
    const first = pool.ask();
    const second = pool.ask();
    assert.equal(pool.pressed, 2);
    pool.manager.giveBack(held);
    assert.equal(first.connection, held);
    assert.equal(second.connection, undefined);
    assert.equal(pool.manager.take(1, pool.wish()), undefined, 'nobody passes those who wait');
    first.connection?.destroy();
    await settled();
    assert.ok(second.connection, 'a connection that was lost makes room for a new one');
  });

  it('closes a free connection of another user to make room', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 2 })]);
    const theirs = await pool.connection({ username: 'other' });
    await pool.connection();
    pool.manager.giveBack(theirs);
    const mine = pool.ask();
    await settled();
    assert.ok(mine.connection);
    assert.ok(theirs.lost);
    assert.equal(pool.row().connUsed, 2);
    assert.equal(pool.row().connFree, 0);
  });

  it('answers 9001 at the deadline', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 1 })], { connect_timeout_server_max: '2000' });
    await pool.connection();
    const asked = pool.ask();
    pool.sweepAfter(1999);
    assert.deepEqual([asked.connection, asked.error], [undefined, undefined]);
    pool.sweepAfter(1);
    assert.equal(asked.error?.code, 9001);
    assert.match(asked.error?.message ?? '', /hostgroup 1 after 2000ms/);
    assert.equal(pool.counters.max_connect_timeouts, 1);
    assert.equal(pool.counters.ConnPool_get_conn_failure, 1);
  });

  it('an unknown hostgroup is one without servers', () => {
    const pool = new Pool([]);
    const asked = pool.ask({ hostgroup: 77 });
    pool.sweepAfter(10_000);
    assert.equal(asked.error?.code, 9001);
  });

  it('forgets a request that was given up', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 1 })]);
    const held = await pool.connection();
    const asked = pool.ask();
    asked.cancel();
    pool.manager.giveBack(held);
    pool.sweepAfter(60_000);
    assert.deepEqual([asked.connection, asked.error], [undefined, undefined]);
    assert.equal(pool.row().connFree, 1);
  });

  it('keeps the connection of a request that was given up while it was opened', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    pool.servers.behaviour = 'hold';
    const asked = pool.ask();
    asked.cancel();
    pool.servers.pending[0]?.succeed();
    await settled();
    assert.equal(asked.connection, undefined);
    assert.equal(pool.row().connFree, 1);
    assert.equal(pool.row().connUsed, 0);
  });

  it('has a limited queue', async () => {
    const pool = new Pool([]);
    for (let i = 0; i < waitQueueLengthMax; i++) pool.ask();
    const oneMore = pool.ask();
    await settled();
    assert.equal(oneMore.error?.code, 9001);
  });
});

describe('connects that fail', () => {
  const refused = new Error('ECONNREFUSED');

  it('are repeated after a pause, and shun the server when they are many', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { shun_on_failures: '3', connect_timeout_server_max: '5000' });
    pool.servers.behaviour = refused;
    const asked = pool.ask();
    for (let i = 0; i < 3; i++) {
      await settled();
      assert.equal(pool.row().status, i < 2 ? 'ONLINE' : 'SHUNNED');
      pool.clock.advance(10);
    }
    await settled();
    assert.equal(pool.row().connErr, 3, 'a shunned server is left alone');
    assert.equal(pool.counters.Server_Connections_aborted, 3);
    pool.servers.behaviour = 'succeed';
    pool.sweepAfter(3_900);
    await settled();
    assert.equal(asked.connection, undefined);
    pool.sweepAfter(200);
    await settled();
    assert.ok(asked.connection, 'it comes back before those who wait have to give up');
    assert.equal(pool.row().status, 'ONLINE');
  });

  it('are those, too, that are lost before anybody has them', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    pool.servers.behaviour = 'hold';
    const asked = pool.ask();
    pool.servers.pending[0]?.succeed().connection.destroy();
    await settled();
    pool.servers.behaviour = 'succeed';
    pool.clock.advance(10);
    await settled();
    assert.equal(asked.connection?.lost, false);
    const { connUsed, connOk, connErr } = pool.row();
    assert.deepEqual([connUsed, connOk, connErr], [1, 1, 1]);
  });

  it('spread over more than a second do not shun', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { shun_on_failures: '2', connect_retries_delay: '1000' });
    pool.servers.behaviour = refused;
    pool.ask();
    for (let i = 0; i < 5; i++) {
      await settled();
      pool.clock.advance(1_000);
    }
    assert.equal(pool.row().status, 'ONLINE');
  });

  it('send the request to another server', async () => {
    const pool = new Pool([serverEntry(1, 'a'), serverEntry(1, 'b')], { shun_on_failures: '1' });
    pool.servers.behaviour = 'hold';
    const asked = pool.ask();
    const attempt = pool.servers.pending.shift();
    const ill = attempt?.options.home.hostname;
    attempt?.fail(refused);
    await settled();
    pool.clock.advance(10);
    pool.servers.pending.shift()?.succeed();
    await settled();
    assert.ok(asked.connection);
    assert.notEqual(asked.connection.home.hostname, ill);
  });

  it('for reasons of the user are told at once and shun nobody', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { shun_on_failures: '1' });
    pool.servers.behaviour = new LoginRefused({ code: 1045, sqlState: '28000', message: 'no' });
    const asked = pool.ask();
    await settled();
    assert.equal(asked.error?.code, 1045);
    pool.servers.behaviour = new ShapeMismatch('old server');
    const other = pool.ask();
    await settled();
    assert.equal(other.error?.code, 9002);
    assert.equal(pool.row().status, 'ONLINE');
    assert.equal(pool.row().connErr, 0);
  });

  it('because the server is full may pass', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    pool.servers.behaviour = new LoginRefused({ code: 1040, sqlState: '08004', message: 'Too many connections' });
    const asked = pool.ask();
    await settled();
    assert.equal(asked.error, undefined);
    pool.servers.behaviour = 'succeed';
    pool.clock.advance(10);
    await settled();
    assert.ok(asked.connection);
  });

  it('because the server is full close a free connection of another shape, and are tried again', async () => {
    const pool = new Pool([serverEntry(1, 'a'), serverEntry(2, 'a')], { shun_on_failures: '1' });
    const [first, second] = [await pool.connection(), await pool.connection({ hostgroup: 2 })];
    for (const connection of [first, second]) pool.manager.giveBack(connection);
    pool.servers.behaviour = new LoginRefused({ code: 1040, sqlState: '08004', message: 'Too many connections' });
    const asked = pool.ask({ shape: 2 });
    await settled();
    assert.deepEqual([first.lost, second.lost], [true, false]);
    pool.clock.advance(closedConnectionMs);
    await settled();
    assert.deepEqual([second.lost, pool.full], [true, []], 'of another hostgroup, on the same server');
    pool.servers.behaviour = 'succeed';
    pool.clock.advance(closedConnectionMs);
    await settled();
    assert.ok(asked.connection);
    assert.equal(pool.row().status, 'ONLINE', 'it is not ill');
  });

  it('because the account has no more close a free connection of that account', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const other = await pool.connection({ username: 'other' });
    const own = await pool.connection();
    const message = "User 'app' has exceeded the 'max_user_connections' resource (current value: 1)";
    pool.servers.behaviour = new LoginRefused({ code: 1226, sqlState: '42000', message });
    pool.manager.giveBack(other);
    const asked = pool.ask({ shape: 2 });
    await settled();
    assert.deepEqual([own.lost, other.lost, asked.error, pool.full], [false, false, undefined, ['app']]);
    pool.manager.giveBack(own);
    pool.clock.advance(fullServerPauseMs);
    await settled();
    assert.deepEqual([own.lost, other.lost], [true, false]);
    pool.servers.behaviour = 'succeed';
    pool.clock.advance(closedConnectionMs);
    await settled();
    assert.ok(asked.connection);
    // With none of ours in the way it is the user's to know.
    pool.servers.behaviour = new LoginRefused({ code: 1226, sqlState: '42000', message });
    const refused = pool.ask({ username: 'nobody' });
    await settled();
    assert.equal(refused.error?.code, 1226);
  });

  it('are no reason to try again for a statement that has failed once', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const lost = await pool.connection();
    lost.destroy();
    pool.servers.behaviour = refused;
    const asked = pool.ask({ after: lost });
    await settled();
    assert.equal(asked.error?.code, 9002);
  });

  it('stop when the request is given up', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    pool.servers.behaviour = refused;
    const asked = pool.ask();
    await settled();
    asked.cancel();
    pool.clock.advance(1_000);
    await settled();
    assert.equal(pool.row().connErr, 1);
  });
});

describe('LOAD of servers', () => {
  it('keeps connections and counters of those that stay, and ends a shun', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { shun_on_failures: '1' });
    pool.manager.giveBack(await pool.connection());
    pool.servers.behaviour = new Error('ECONNREFUSED');
    pool.ask({ username: 'other' }).cancel();
    await settled();
    assert.equal(pool.row().status, 'SHUNNED');
    pool.manager.apply([serverEntry(1, 'a', { weight: 7 })]);
    assert.deepEqual([pool.row().status, pool.row().connFree, pool.row().connOk], ['ONLINE', 1, 1]);
  });

  it('a removed server loses free connections now and used ones when they come back', async () => {
    const pool = new Pool([serverEntry(1, 'a'), serverEntry(1, 'b', { weight: 0 })]);
    const used = await pool.connection();
    const free = await pool.connection();
    pool.manager.giveBack(free);
    pool.manager.apply([serverEntry(1, 'b', { weight: 0 })]);
    assert.ok(free.lost);
    assert.ok(!used.lost);
    assert.equal(pool.row().status, 'OFFLINE_HARD');
    assert.equal(pool.manager.take(1, pool.wish()), undefined);
    pool.manager.giveBack(used);
    assert.ok(used.lost);
    assert.ok(!pool.manager.rows(false).some((row) => row.srvHost === 'a'));
  });

  it('a server that comes back while connections of before are in use still counts them', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 1 })]);
    const used = await pool.connection();
    pool.manager.apply([]);
    pool.manager.apply([serverEntry(1, 'a', { maxConnections: 1 })]);
    assert.equal(pool.manager.rows(false).length, 1);
    const asked = pool.ask();
    await settled();
    assert.equal(asked.connection, undefined, 'its limit is a limit over all of them');
    pool.manager.giveBack(used);
    assert.equal(asked.connection, used);
  });

  it('a server that leaves while it is connected to is forgotten, whatever becomes of the connect', async () => {
    for (const outcome of ['succeed', 'fail'] as const) {
      const pool = new Pool([serverEntry(1, 'a')]);
      pool.servers.behaviour = 'hold';
      const asked = pool.ask();
      pool.manager.apply([]);
      const attempt = pool.servers.pending[0];
      if (outcome === 'succeed') attempt?.succeed();
      else attempt?.fail(new Error('ECONNRESET'));
      await settled();
      assert.equal(asked.connection, undefined);
      assert.deepEqual(pool.manager.rows(false), [], outcome);
      assert.equal(pool.counters.Server_Connections_connected, 0);
    }
  });

  it('OFFLINE_SOFT takes nothing new, and what is in use ends when it comes back', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const used = await pool.connection();
    pool.manager.giveBack(await pool.connection());
    pool.manager.apply([serverEntry(1, 'a', { status: 'OFFLINE_SOFT' })]);
    assert.deepEqual([pool.row().connFree, pool.row().connUsed, pool.row().status], [0, 1, 'OFFLINE_SOFT']);
    const asked = pool.ask();
    await settled();
    assert.equal(asked.connection, undefined);
    pool.manager.giveBack(used);
    assert.ok(used.lost);
    pool.manager.apply([serverEntry(1, 'a')]);
    await settled();
    assert.ok(asked.connection, 'those who waited are served by the LOAD');
  });

  it('OFFLINE_HARD goes with its last connection', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const used = await pool.connection();
    pool.manager.apply([serverEntry(1, 'a', { status: 'OFFLINE_HARD' })]);
    assert.equal(pool.row().connUsed, 1);
    used.destroy();
    assert.deepEqual(pool.manager.rows(false), []);
    pool.manager.apply([serverEntry(1, 'b', { status: 'OFFLINE_HARD' })]);
    assert.deepEqual(pool.manager.rows(false), [], 'one without connections does not even appear');
  });

  it('a server configured as SHUNNED stays so', async () => {
    const pool = new Pool([serverEntry(1, 'a', { status: 'SHUNNED' })]);
    const asked = pool.ask();
    pool.sweepAfter(1_000_000);
    assert.equal(pool.row().status, 'SHUNNED');
    assert.equal(asked.error?.code, 9001);
  });

  it('a smaller max_connections holds for what comes next', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 3 })]);
    const used = [await pool.connection(), await pool.connection(), await pool.connection()];
    pool.manager.apply([serverEntry(1, 'a', { maxConnections: 1 })]);
    const asked = pool.ask();
    for (const connection of used.splice(1)) connection.destroy();
    await settled();
    assert.equal(asked.connection, undefined);
    used[0]?.destroy();
    await settled();
    assert.ok(asked.connection);
  });

  it('with max_connections 0 nobody is served', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 0 })]);
    const asked = pool.ask();
    await settled();
    assert.equal(asked.connection, undefined);
    assert.equal(pool.servers.opened.length, 0);
  });
});

describe('free connections', () => {
  it('beyond free_connections_pct are closed, the oldest first', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 20 })], { free_connections_pct: '10' });
    const connections = [];
    for (let i = 0; i < 5; i++) connections.push(await pool.connection());
    for (const connection of connections) pool.manager.giveBack(connection);
    pool.sweepAfter(upkeepIntervalMs);
    assert.deepEqual(
      connections.map((connection) => connection.lost),
      [true, true, true, false, false],
    );
  });

  it('older than connection_max_age_ms are closed', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 100 })], { connection_max_age_ms: '5000' });
    const old = await pool.connection();
    pool.clock.advance(3_000);
    const young = await pool.connection();
    pool.manager.giveBack(old);
    pool.manager.giveBack(young);
    pool.sweepAfter(2_001);
    assert.deepEqual([old.lost, young.lost], [true, false]);
  });

  it('are not the only ones to be closed for their age: one that is always in use is, as soon as it is not', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { connection_max_age_ms: '5000' });
    pool.manager.setHostgroupAttributes([{ hostgroup: 1, pipelining: true, connectsPerSecond: 1_000 }]);
    const [held, lane] = [await pool.connection(), await pool.connection()];
    assert.ok(pool.manager.openLane(lane));
    pool.sweepAfter(4_900);
    const alike = pool.wish({ stateKey: lane.state.key });
    assert.equal(pool.manager.takeLane(1, alike), lane);
    pool.sweepAfter(1_000);
    assert.equal(pool.manager.takeLane(1, alike), undefined, 'nobody joins it any more');
    assert.deepEqual([held.lost, lane.lost], [false, false], 'somebody is using them');
    for (const connection of [held, lane]) pool.manager.giveBack(connection);
    assert.deepEqual([held.lost, lane.lost], [true, true]);
    pool.manager.giveBack(await pool.connection());
    assert.equal(pool.row().connFree, 1);
  });

  it('that were quiet for long are pinged, and kept when the server answers', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { ping_interval_server_msec: '10000' });
    const connection = await pool.connection();
    const socket = pool.servers.socketOf(connection);
    pool.manager.giveBack(connection);
    pool.sweepAfter(9_000);
    assert.equal(socket.take().length, 0);
    pool.sweepAfter(1_000);
    await settled();
    assert.deepEqual(socket.take(), COM_PING);
    assert.equal(pool.manager.take(1, pool.wish()), undefined, 'while it is pinged nobody gets it');
    socket.feed(okPacket(1));
    assert.equal(pool.manager.take(1, pool.wish()), connection);
    pool.manager.giveBack(connection);
    pool.sweepAfter(9_000);
    assert.equal(socket.take().length, 0, 'counted from the last use');
  });

  it('that do not answer within ping_timeout_server are closed', async () => {
    const pool = new Pool([serverEntry(1, 'a')], { ping_timeout_server: '200' });
    const connection = await pool.connection();
    pool.manager.giveBack(connection);
    pool.sweepAfter(10_000);
    pool.sweepAfter(199);
    assert.ok(!connection.lost);
    pool.sweepAfter(1);
    assert.ok(connection.lost);
    assert.equal(pool.row().connFree, 0);
    assert.equal(pool.row().connUsed, 0);
  });

  it('that answer a ping with an error are closed', async () => {
    const pool = new Pool([serverEntry(1, 'a')]);
    const connection = await pool.connection();
    pool.manager.giveBack(connection);
    pool.sweepAfter(10_000);
    pool.servers.last.socket.feed(errorPacket(1, 1053, 'Server shutdown in progress'));
    assert.ok(connection.lost);
  });

  it('serve those who came while they were pinged', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 2 })]);
    const connection = await pool.connection();
    await pool.connection({ username: 'other' });
    pool.manager.giveBack(connection);
    pool.sweepAfter(10_000);
    pool.servers.behaviour = 'hold';
    const asked = pool.ask();
    assert.equal(asked.connection, undefined);
    pool.servers.pending[0]?.succeed();
    await settled();
    assert.ok(asked.connection);
    assert.equal(pool.row().connUsed, 2, 'the limit holds');
  });
});

describe('connections with something of a session on them', () => {
  async function used(variables: Record<string, string> = {}, pins: number = SessionEffect.USER_VARIABLE) {
    const pool = new Pool([serverEntry(1, 'a')], variables);
    const connection = await pool.connection();
    connection.pins = pins;
    pool.manager.giveBackUsed(connection);
    return { pool, connection, socket: pool.servers.socketOf(connection) };
  }

  it('are reset before anybody else has them', async () => {
    const { pool, connection, socket } = await used();
    await settled();
    assert.deepEqual(socket.take(), COM_RESET_CONNECTION);
    assert.equal(pool.row().connFree, 0);
    socket.feed(okPacket(1));
    assert.equal(pool.row().connFree, 1);
    assert.ok(connection.clean);
    assert.equal(connection.state.names, undefined, 'the next sync sets the character set');
  });

  it('are without a schema after the reset when they were before, unless one was entered unseen', async () => {
    const schemas = [];
    for (const pins of [SessionEffect.USER_VARIABLE, SessionEffect.SQL_PREPARE | SessionEffect.OPAQUE]) {
      const { connection, socket } = await used({}, pins);
      socket.feed(okPacket(1));
      schemas.push(connection.state.schema);
    }
    assert.deepEqual(schemas, ['', undefined]);
  });

  it('are closed when the reset fails, or init_connect would have to run again', async () => {
    const failing = await used();
    failing.socket.feed(errorPacket(1, 1047, 'Unknown command'));
    assert.ok(failing.connection.lost);
    const withInit = await used({ init_connect: 'SET @a=1' });
    assert.ok(withInit.connection.lost);
    assert.equal(withInit.pool.row().connUsed, 0);
  });
});

describe('the end', () => {
  it('tells those who wait and closes what is free, and later what comes back', async () => {
    const pool = new Pool([serverEntry(1, 'a', { maxConnections: 2 })]);
    const used = await pool.connection();
    const free = await pool.connection();
    pool.manager.giveBack(free);
    const asked = pool.ask({ hostgroup: 2 });
    pool.manager.close();
    assert.equal(asked.error?.code, 1053);
    assert.ok(free.lost);
    pool.manager.giveBack(used);
    assert.ok(used.lost);
  });
});
