/**
 * MYSQL QUERY RULES. Rules that cannot work are reported and still loaded: like in ProxySQL they stay visible, and the
 * data plane lets them match nothing.
 */
import { buildFastRouting, buildQueryRules, fastRoutingRow, queryRuleRow } from '../../runtime/build-snapshot.ts';
import type { Problem } from '../../runtime/problem.ts';
import { readMysqlVariables } from '../../runtime/variables.ts';
import { rulesWithoutGtidPorts } from './gtid-ports.ts';
import type { TableModule } from './module.ts';

export const mysqlQueryRules = {
  kind: 'tables',
  name: 'MYSQL QUERY RULES',
  tables: [
    { name: 'mysql_query_rules', runtimeRows: ({ snapshot }) => snapshot.queryRules.map(queryRuleRow) },
    {
      name: 'mysql_query_rules_fast_routing',
      runtimeRows: ({ snapshot }) => snapshot.fastRouting.map(fastRoutingRow),
    },
  ],
  build(rows, context) {
    const { entries, problems } = buildQueryRules(rows.get('mysql_query_rules') ?? []);
    const { queryProcessorIterations, queryProcessorRegex } = readMysqlVariables(context.mysqlVariables);
    const broken = context.checkRules(entries, {
      iterations: queryProcessorIterations,
      regexEngine: queryProcessorRegex === 2 ? 2 : 1,
    });
    const brokenProblems = broken.map(
      ({ ruleId, column, reason }): Problem => ({
        table: 'mysql_query_rules',
        key: String(ruleId),
        column,
        reason,
        severity: 'error',
      }),
    );
    const fastRouting = buildFastRouting(rows.get('mysql_query_rules_fast_routing') ?? []);
    const unwaited = rulesWithoutGtidPorts(entries, context.servers);
    return { parts: { queryRules: entries, fastRouting }, problems: [...problems, ...brokenProblems, ...unwaited] };
  },
} as const satisfies TableModule;
