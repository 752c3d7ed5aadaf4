/**
 * What the demo prints when it is ready: where things are and what to try. It only makes text.
 */

export interface GuideAddresses {
  readonly adminPort: number;
  readonly mysqlPort: number;
}

/** The guide, for a terminal of 100 columns. */
export function guide({ adminPort, mysqlPort }: GuideAddresses): string {
  const cli = 'node dist/bin/sluice.js admin';
  const steps = (lines: readonly (readonly [statement: string, seen: string])[]) =>
    lines.map(([statement, seen]) => `    ${statement}\n        -> ${seen}`).join('\n');
  return `
sluice is ready: MySQL on 127.0.0.1:${mysqlPort}, admin on 127.0.0.1:${adminPort}.
Behind it: a primary (hostgroup 10) and two replicas (hostgroup 20) with the schema clinic.

Be the developer, in a second terminal:
  mysql -h127.0.0.1 -P${mysqlPort} -udeveloper -pdeveloper clinic
  (no mysql client? ${cli} -P${mysqlPort} -udeveloper -pdeveloper)

${steps([
  ['SELECT name, bank_account_number FROM patients LIMIT 3;', 'only the last four digits: a rule rewrites the query'],
  ['SELECT sum(bank_account_number) FROM patients;', 'refused, and the message says why'],
  ['DELETE FROM patients;', 'refused: this account may only read'],
  ['SELECT @@hostname;', 'replica-1 or replica-2; ask again for the other'],
])}

Be the operator, in a third:
  ${cli} -P${adminPort}          (or: mysql -h127.0.0.1 -P${adminPort} -uadmin -padmin)

${steps([
  ['SELECT rule_id, hits FROM stats_mysql_query_rules;', 'which rules have been at work'],
  [
    "INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('analyst', 'analyst', 20);\n    LOAD MYSQL USERS TO RUNTIME;",
    'analyst can log in at once; nobody is disconnected',
  ],
  [
    'UPDATE mysql_query_rules SET active=0 WHERE rule_id IN (50, 51);\n    LOAD MYSQL QUERY RULES TO RUNTIME;',
    "the developer's next query shows whole numbers",
  ],
])}

Ctrl-C ends everything.
`;
}
