import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { readMysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../../src/backend/backend-connection.ts';
import { InitConnectFailed, openBackendConnection } from '../../src/hostgroup/connector.ts';
import { Server } from '../../src/hostgroup/server.ts';
import { Counters } from '../../src/observe/counters.ts';
import { ALL_PLACES, serverEntry } from '../helpers/fake-servers.ts';
import { ScriptedBackend, type ScriptedBackendOptions } from '../helpers/scripted-backend.ts';

describe('mysql-init_connect', () => {
  const ends: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function open(sql: string, options: ScriptedBackendOptions = {}) {
    const backend = await ScriptedBackend.start(options);
    ends.push(() => backend.stop());
    const counters = new Counters();
    const home = new Server(serverEntry(1, backend.host, { port: backend.port }), {
      counters,
      places: ALL_PLACES,
      onLost: () => undefined,
      onLeft: () => undefined,
    });
    const opening: Promise<BackendConnection> = openBackendConnection({
      home,
      useSsl: false,
      user: { username: 'app', secret: { clear: '' } },
      shape: 0,
      variables: readMysqlVariables({ init_connect: sql }),
      nowMs: () => 0,
    });
    return { backend, home, counters, opening };
  }

  it('runs once on a new connection, whose character set is unknown after it', async () => {
    const { backend, opening } = await open('SET @greeting = 1');
    const connection = await opening;
    ends.push(() => connection.destroy());
    assert.deepEqual(backend.received, ['SET @greeting = 1']);
    assert.ok(connection.idle && connection.clean);
    assert.equal(connection.state.names, undefined);
  });

  it('may lead into a schema, so that the connection is in none for sure only when it cannot', async () => {
    const schemas = [];
    for (const sql of ["SET NAMES 'latin1'", 'use clinic', 'CALL set_up()']) {
      const { opening } = await open(sql);
      const connection = await opening;
      ends.push(() => connection.destroy());
      schemas.push(connection.state.schema);
    }
    assert.deepEqual(schemas, ['', undefined, undefined]);
  });

  it('is swallowed whatever it answers', async () => {
    const { opening } = await open('SELECT 1');
    const connection = await opening;
    ends.push(() => connection.destroy());
    assert.ok(connection.idle);
  });

  it('sends nothing when it is empty', async () => {
    const { backend, opening } = await open('');
    const connection = await opening;
    ends.push(() => connection.destroy());
    assert.deepEqual(backend.received, []);
  });

  it('that is refused makes the connect fail, and the pool counts no connection', async () => {
    const { home, counters, opening } = await open('SELEKT', {
      onCommand: (command) => command.error(1064, 'You have an error'),
    });
    await assert.rejects(
      opening,
      (error) => error instanceof InitConnectFailed && /You have an error/.test(error.message),
    );
    assert.deepEqual([home.used, home.connections, counters.Server_Connections_connected], [0, 0, 0]);
  });

  it('during which the server leaves makes the connect fail', async () => {
    const { home, opening } = await open('SELECT 1', { onCommand: (command) => command.hangUp() });
    await assert.rejects(opening, InitConnectFailed);
    assert.equal(home.used, 0);
  });
});
