/**
 * Loggers: readable lines on a terminal, JSON otherwise. The only importer of pino; it decides no message.
 */
import { type Logger, pino } from 'pino';

export type { Logger };

export interface LoggerOptions {
  readonly level?: string;
  /** Force one of the two forms; by default a terminal gets readable lines. */
  readonly pretty?: boolean;
}

/** Keys that never reach a log, at any depth we log at. */
const SECRET_PATHS = ['password', '*.password', 'secret', '*.secret', 'credentials', '*.credentials'];

/** Creates the process's logger on standard error. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const pretty = options.pretty ?? process.stderr.isTTY === true;
  const base = {
    level: options.level ?? process.env.SLUICE_LOG_LEVEL ?? 'info',
    redact: { paths: SECRET_PATHS, censor: '[secret]' },
  };
  if (pretty) {
    return pino({
      ...base,
      transport: {
        target: 'pino-pretty',
        options: { destination: 2, translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l', ignore: 'pid,hostname' },
      },
    });
  }
  return pino(base, pino.destination({ fd: 2, sync: true }));
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
