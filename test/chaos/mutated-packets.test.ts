/**
 * Packets that are nearly right, before and after the login: none may end the process, leave a connection behind or
 * disturb another client. SLUICE_MUTATED_PACKETS says how many (100000 for the long run); SLUICE_FUZZ_SEED where it
 * begins.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Command } from '../../src/protocol/commands.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { Random } from '../helpers/random.ts';
import { APP, accountSql, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

const PACKETS = Number(process.env.SLUICE_MUTATED_PACKETS ?? 800);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 4);
/** Somebody else: a spoilt COM_PROCESS_KILL may well hit a session of the same user. */
const BYSTANDER = { user: 'bystander', password: 'bystander' } as const;
const BYSTANDER_ROW = { username: BYSTANDER.user, password: BYSTANDER.password };

/** Packets one connection gets, and connections at a time. */
const BURST = 25;
const AT_ONCE = 8;

/** Commands as clients send them, to be spoilt. */
const COMMANDS: readonly Buffer[] = [
  command(Command.COM_QUERY, 'SELECT 1, ?, @a FROM t WHERE a = "b" -- c'),
  command(Command.COM_QUERY, 'SET NAMES utf8mb4, @x = 1; SELECT /*!50000 2 */'),
  command(Command.COM_QUERY, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t"),
  command(Command.COM_STMT_PREPARE, 'SELECT ?, ?'),
  command(Command.COM_STMT_EXECUTE, Buffer.from('0100000001010000000001fd00fd000161016200', 'hex')),
  command(Command.COM_STMT_SEND_LONG_DATA, Buffer.from('010000000000616263', 'hex')),
  command(Command.COM_STMT_FETCH, Buffer.from('0100000005000000', 'hex')),
  command(Command.COM_STMT_RESET, Buffer.from('01000000', 'hex')),
  command(Command.COM_STMT_CLOSE, Buffer.from('01000000', 'hex')),
  command(Command.COM_INIT_DB, 'test'),
  command(Command.COM_FIELD_LIST, 't\0%'),
  command(Command.COM_SET_OPTION, Buffer.from('0000', 'hex')),
  command(Command.COM_PROCESS_KILL, Buffer.from('ffffff00', 'hex')),
  command(Command.COM_RESET_CONNECTION, ''),
  command(
    Command.COM_CHANGE_USER,
    Buffer.from('6170700014'.concat('00'.repeat(20), '7465737400', '2d00', '6d7973716c00'), 'hex'),
  ),
  command(Command.COM_STATISTICS, ''),
  command(Command.COM_BINLOG_DUMP, Buffer.alloc(10)),
];

/** A handshake response: capabilities, maximum, charset, filler, user, scramble, schema, plugin, attributes. */
const LOGIN = Buffer.from(
  `85a6ff01000000012d${'00'.repeat(23)}6170700014${'11'.repeat(20)}74657374006d7973716c5f6e61746976655f70617373776f72640008035f6f7304${'4c696e75'}`,
  'hex',
);

function command(code: number, payload: Buffer | string): Buffer {
  return Buffer.concat([Buffer.of(code), typeof payload === 'string' ? Buffer.from(payload) : payload]);
}

function framed(payload: Buffer, sequenceId: number): Buffer {
  const writer = new PacketWriter();
  writer.begin(sequenceId).bytes(payload).end();
  return writer.take();
}

describe('mutated packets', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      mysqlVariables: { enable_load_data_local_infile: 'true' },
      users: [BYSTANDER_ROW],
      setup: accountSql(BYSTANDER.user, BYSTANDER.password),
    });
  });

  after(() => stage?.stop());

  const mutated = (random: Random, packet: Buffer): Buffer => {
    let bytes = Buffer.from(packet);
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(Math.max(1, bytes.length));
      switch (random.below(5)) {
        case 0:
          bytes[at] = random.below(256);
          break;
        case 1:
          bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
          break;
        case 2:
          bytes = bytes.subarray(0, at);
          break;
        case 3:
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.alloc(random.below(40), random.below(256)),
            bytes.subarray(at),
          ]);
          break;
        default:
          bytes[at] = random.chance(50) ? 0xff : 0;
      }
    }
    return bytes;
  };

  /** Before the login: one spoilt answer to the greeting, header included. */
  const beforeLogin = async (random: Random): Promise<void> => {
    const socket = connect(stage.sluice.mysqlPort, stage.sluice.host);
    socket.on('error', () => socket.destroy());
    await once(socket, 'data').catch(() => undefined);
    socket.resume();
    socket.write(mutated(random, framed(LOGIN, 1)));
    socket.end();
    await closed(socket);
  };

  /** After the login: a burst of spoilt commands, some of them with a spoilt frame. */
  const afterLogin = async (random: Random): Promise<void> => {
    const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, schema: 'test' });
    const { socket } = client;
    for (let n = 0; n < BURST && !socket.destroyed; n++) {
      const packet = random.pick(COMMANDS);
      socket.write(random.chance(80) ? framed(mutated(random, packet), 0) : mutated(random, framed(packet, 0)));
    }
    socket.end();
    await closed(socket);
  };

  const closed = async (socket: Socket): Promise<void> => {
    const timer = setTimeout(() => socket.destroy(), 3_000);
    if (!socket.destroyed) await once(socket, 'close').catch(() => undefined);
    clearTimeout(timer);
  };

  test(`${PACKETS} of them`, async (t) => {
    t.diagnostic(`seed ${SEED}`);
    const { pid } = stage.sluice;
    const bystander = await stage.sluice.connect(BYSTANDER);
    let asked = 0;
    let over = false;
    const asking = (async () => {
      while (!over) {
        assert.equal(await scalar(bystander, `SELECT ${++asked}`), `${asked}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const random = new Random(SEED);
    let sent = 0;
    try {
      while (sent < PACKETS) {
        const round = Array.from({ length: AT_ONCE }, (_, i) => {
          const own = new Random(random.below(2 ** 31));
          sent += i % 4 === 0 ? 1 : BURST;
          return i % 4 === 0 ? beforeLogin(own) : afterLogin(own);
        });
        await Promise.all(round);
      }
    } finally {
      over = true;
      await asking;
    }
    assert.equal(stage.sluice.running, true);
    assert.equal(stage.sluice.pid, pid);
    assert.ok(asked > 0);
    assert.ok(!`${stage.sluice.log}`.includes('a bug ended'), 'a bug ended a session');
    await eventually(
      'nothing is left',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
    const shown = async () => (await stage.sluice.admin('SELECT COUNT(*) AS n FROM stats_mysql_processlist'))[0]?.n;
    await eventually('nobody is left but the bystander', shown, (n) => n === '1');
    bystander.destroy();
  });
});
