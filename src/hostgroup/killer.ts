/**
 * KILL on a server through a connection of its own, because the one to be ended is busy. Best effort: a server that
 * cannot be reached has other worries.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { Logger } from '../observe/logger.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import type { BackendUser, Connect } from './connector.ts';
import type { Server } from './server.ts';

export interface KillOptions {
  readonly connection: BackendConnection;
  readonly what: 'QUERY' | 'CONNECTION';
  readonly user: BackendUser;
  readonly variables: MysqlVariables;
  readonly logger: Logger;
  readonly connect: Connect;
}

export async function killOnServer(options: KillOptions): Promise<void> {
  const { connection, what, user, variables, logger, connect } = options;
  const server = connection.home as Server;
  const { hostname, port, hostgroup } = server;
  const home = { hostname, port, hostgroup, bytesReceived() {}, bytesSent() {}, commandSent() {}, connectionLost() {} };
  try {
    const killer = await connect({
      home,
      useSsl: server.entry.useSsl,
      user,
      shape: 0,
      variables: { ...variables, initConnect: '' },
      nowMs: Date.now,
    });
    await new Promise<void>((resolve) => {
      const end = () => {
        killer.destroy();
        resolve();
      };
      const owner = { answerBytes: () => true, answerDone: end, answerLost: end };
      killer.send(commandFrame(Command.COM_QUERY, `KILL ${what} ${connection.threadId}`), 'query', owner);
    });
  } catch (error) {
    logger.debug({ err: error, server: `${hostname}:${port}` }, 'could not kill on the server');
  }
}
