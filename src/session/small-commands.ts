/** Commands that are no statements: each is answered here, without a server. */

import { Capability } from '../protocol/capabilities.ts';
import { Command, commandName } from '../protocol/commands.ts';
import { errors } from '../protocol/errors.ts';
import { writeEof } from '../protocol/ok-err-eof.ts';
import { decodeText, notDecoded } from './client-text.ts';
import type { Session } from './session.ts';
import { frameOf } from './statement-frames.ts';
import { useSchema } from './use-schema.ts';

export function onInitDb(session: Session, buffer: Buffer, start: number, end: number): void {
  session.context.counters.Com_frontend_init_db += 1;
  const schema = decodeText(buffer, start, end, session.state);
  if (schema === undefined) return session.answerError(notDecoded(buffer, start, end, session.state));
  useSchema(session, schema);
}

/** COM_STATISTICS: of the proxy, in the words of ProxySQL. */
export function onStatistics(session: Session): void {
  const { counters, sessions } = session.context;
  const text = `Uptime: ${Math.floor(process.uptime())} Threads: ${sessions.size}  Questions: ${counters.Questions}  Slow queries: ${counters.Slow_queries}`;
  session.answer((writer, sequenceId) => writer.begin(sequenceId).string(text).end());
}

/** COM_SET_OPTION: several statements in one text, on or off. */
export function onSetOption(session: Session, buffer: Buffer, start: number, end: number): void {
  const option = end - start >= 3 ? buffer.readUInt16LE(start + 1) : -1;
  if (option !== 0 && option !== 1) return session.answerError(errors.unknownCommand());
  // The shape decides which connections serve the session, so the next statement finds one of the new shape.
  const bit = Capability.MULTI_STATEMENTS;
  session.shape = (option === 0 ? session.shape | bit : session.shape & ~bit) >>> 0;
  session.answer((writer, sequenceId) => writeEof(writer, sequenceId, session.statusFlags(), 0));
}

/** What replicas send: refused, and the connection goes on; with sluice-strict off they register, as through ProxySQL. */
const REPLICATION: ReadonlySet<number> = new Set([
  Command.COM_BINLOG_DUMP,
  Command.COM_BINLOG_DUMP_GTID,
  Command.COM_REGISTER_SLAVE,
]);

/** COM_DEBUG, COM_REFRESH and their like: an error, as of any server that does not know them; ProxySQL ends the connection. */
export function onUnknownCommand(session: Session, command: number, buffer: Buffer, start: number, end: number): void {
  const { sluice, masking, nothingToDecide } = session.runtime;
  // Nobody reads what follows: binary logs hold what is masked, and a statement would get past rules and firewall.
  if (REPLICATION.has(command) && !sluice.strict && nothingToDecide && masking.of(session.user.username) === undefined)
    return session.forwardAll(frameOf(buffer, start, end));
  session.context.logger.info({ command: commandName(command), user: session.user.username }, 'unsupported command');
  if (sluice.strict || REPLICATION.has(command)) session.answerError(errors.unknownCommand());
  else session.client.end();
}
