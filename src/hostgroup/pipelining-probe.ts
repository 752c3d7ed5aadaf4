/**
 * Does a server answer two commands that come in one segment? Nearly all do; Amazon's Aurora for MySQL 5.7 forgets the
 * second one (MySqlConnector's issues 486 and 1088). Two COM_PING in one write tell, before anything else is sent so.
 */
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { Command } from '../protocol/commands.ts';
import type { Clock } from '../util/clock.ts';

/** A server that has not answered the second command after this time, in ms, does not get two at once. */
export const probeTimeoutMs = 1_000;

const COM_PING_FRAME = Buffer.from([1, 0, 0, 0, Command.COM_PING]);

export type ProbeVerdict = 'yes' | 'no' | 'lost';

/**
 * Asks on a connection nobody else uses, which is closed unless the verdict is 'yes'. 'lost': it ended before it told.
 */
export function probePipelining(
  connection: BackendConnection,
  clock: Pick<Clock, 'after'>,
  then: (verdict: ProbeVerdict) => void,
): void {
  let answers = 0;
  let over = false;
  const end = (verdict: ProbeVerdict) => {
    if (over) return;
    over = true;
    if (verdict !== 'yes') connection.destroy();
    then(verdict);
  };
  const owner: AnswerOwner = {
    answerBytes: () => true,
    answerDone(_connection, walker) {
      answers += 1;
      if (walker.ended === 'error') end('no');
      else if (answers === 2) end('yes');
    },
    answerLost: () => end('lost'),
  };
  clock.after(probeTimeoutMs, () => end('no'));
  connection.send(COM_PING_FRAME, 'simple', owner);
  connection.send(COM_PING_FRAME, 'simple', owner);
}
