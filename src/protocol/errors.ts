/**
 * Every error the proxy itself answers with: code, SQL state and text, verbatim as ProxySQL and MySQL word them, since
 * clients match on them. It does not say when an error is due.
 */

/** What an ERR packet says. */
export interface ProtocolError {
  readonly code: number;
  /** Five characters. */
  readonly sqlState: string;
  readonly message: string;
}

function protocolError(code: number, sqlState: string, message: string): ProtocolError {
  return Object.freeze({ code, sqlState, message });
}

function yesOrNo(usingPassword: boolean): string {
  return usingPassword ? 'YES' : 'NO';
}

/** Makers, one per error. Those without arguments are constants behind a function, to read alike. */
export const errors = {
  // Connection phase
  tooManyConnections: () => protocolError(1040, '08004', 'Too many connections'),
  clientCharset: (charset: string) =>
    protocolError(1231, '42000', `Variable 'character_set_client' can't be set to the value of '${charset}'`),
  canOnlyConnectLocally: (user: string) => protocolError(1040, '42000', `User '${user}' can only connect locally`),
  badHandshake: () => protocolError(1043, '08S01', 'Bad handshake'),
  accessDenied: (user: string, address: string, usingPassword: boolean) =>
    protocolError(
      1045,
      '28000',
      `ProxySQL Error: Access denied for user '${user}'@'${address}' (using password: ${yesOrNo(usingPassword)})`,
    ),
  sslRequired: (user: string, usingPassword: boolean) =>
    protocolError(
      1045,
      '28000',
      `ProxySQL Error: Access denied for user '${user}' (using password: ${yesOrNo(usingPassword)}). SSL is required`,
    ),
  tooManyUserConnections: (user: string, current: number) =>
    protocolError(
      1226,
      '42000',
      `User '${user}' has exceeded the 'max_user_connections' resource (current value: ${current})`,
    ),
  unsupportedAuthMode: () =>
    protocolError(
      1251,
      '08004',
      'Client does not support authentication protocol requested by server; consider upgrading MySQL client',
    ),

  // Packets
  unknownCommand: () => protocolError(1047, '08S01', 'Unknown command'),
  packetTooLarge: () => protocolError(1153, '08S01', "Got a packet bigger than 'max_allowed_packet' bytes"),
  packetsOutOfOrder: () => protocolError(1156, '08S01', 'Got packets out of order'),
  malformedPacket: () => protocolError(1835, 'HY000', 'Malformed communication packet.'),
  processKillUnsupported: () => protocolError(9003, '28000', 'Command not supported'),

  // Statements
  noDatabase: () => protocolError(1046, '3D000', 'No database selected'),
  localInfileUnsupported: () => protocolError(1047, 'HY000', "Unsupported 'LOAD DATA LOCAL INFILE' command"),
  /** MySQL's own words: its client lacks CLIENT_LOCAL_FILES. */
  localInfileDisabled: () =>
    protocolError(
      3948,
      '42000',
      'Loading local data is disabled; this must be enabled on both the client and server sides',
    ),
  unknownProxysqlInternal: () => protocolError(1064, '42000', 'Unknown PROXYSQL INTERNAL command'),
  unknownDollarColumn: () => protocolError(1054, 'HY000', "Unknown column '$$' in 'field list'"),
  emptyQuery: () => protocolError(1065, '42000', 'Query was empty'),
  unknownThread: (sessionId: number) => protocolError(1094, 'HY000', `Unknown thread id: ${sessionId}`),
  notYourThread: (sessionId: number) => protocolError(1095, 'HY000', `You are not owner of thread ${sessionId}`),
  unknownCharset: (charset: string) => protocolError(1115, '42000', `Unknown character set: '${charset}'`),
  unknownCharsetOrCollation: (charset: string, collation: string) =>
    protocolError(1115, '42000', `Unknown character set '${charset}' or collation '${collation}'`),
  /** MySQL's own words; `shown` has the bytes that are no characters as `\xE9`. */
  invalidCharacterString: (charset: string, shown: string) =>
    protocolError(1300, 'HY000', `Invalid ${charset} character string: '${shown}'`),
  /** The text of a rule's error_msg, and refusals of the proxy that look like one. */
  notAllowed: (message: string) => protocolError(1148, '42000', message),
  /** MySQL's own words. */
  notPreparable: () =>
    protocolError(1295, 'HY000', 'This command is not supported in the prepared statement protocol yet'),
  /** An index that the proxy named to the server is gone. */
  indexGone: () =>
    protocolError(
      1412,
      'HY000',
      'Table definition has changed, please run the statement again: an index is gone (SLUICE-M42)',
    ),
  unknownStatement: (statementId: number) =>
    protocolError(1243, 'HY000', `Unknown prepared statement handler (${statementId}) given to mysql_stmt_precheck`),
  noOpenCursor: (statementId: number) =>
    protocolError(1421, 'HY000', `The statement (${statementId}) has no open cursor.`),
  tooManyStatements: (max: number) =>
    protocolError(1461, '42000', `Can't create more than max_prepared_stmt_count statements (current value: ${max})`),
  executeMalformed: () => protocolError(1045, '28000', 'Error in prepared statement execution'),
  queryInterrupted: () => protocolError(1317, '70100', 'Query execution was interrupted'),
  queryTimeout: () => protocolError(1907, '70100', 'Query execution was interrupted, query_timeout exceeded'),

  /** A SET that this session made earlier is refused by a server that gets it only now; code and state are the server's. */
  stateRefused: (code: number, sqlState: string, message: string, hostgroup: number) =>
    protocolError(
      code,
      sqlState,
      `${message} (a SET made earlier in this session, refused by a server of hostgroup ${hostgroup}: SET another value or DEFAULT)`,
    ),

  // Admin sessions
  commandUnsupportedHere: () => protocolError(1045, '28000', 'Command not supported'),
  /** `sessionType` in ProxySQL's words, e.g. PROXYSQL_SESSION_ADMIN. */
  resetUnsupported: (sessionType: string) =>
    protocolError(1047, '28000', `Received unsupported 'COM_RESET_CONNECTION' for session type '${sessionType}'`),

  // Backends
  serverShutdown: () => protocolError(1053, '08S01', 'Server shutdown in progress'),
  malformedAnswer: () => protocolError(2027, 'HY000', 'Malformed packet'),
  lostConnection: () => protocolError(2013, 'HY000', 'Lost connection to MySQL server during query'),
  maxConnectTimeout: (hostgroup: number, elapsedMs: number) =>
    protocolError(
      9001,
      'HY000',
      `Max connect timeout reached while reaching hostgroup ${hostgroup} after ${Math.floor(elapsedMs)}ms`,
    ),
  gtidsUntold: (hostgroup: number) =>
    protocolError(
      9001,
      'HY000',
      `No server of hostgroup ${hostgroup} has a gtid_port: nobody tells which of them has executed min_gtid`,
    ),
  maxConnectFailure: (hostgroup: number) =>
    protocolError(9002, 'HY000', `Max connect failure while reaching hostgroup ${hostgroup}`),
} as const;
