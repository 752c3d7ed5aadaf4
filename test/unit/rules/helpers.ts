/** Rows and statements for the tests of the rules. */
import type { QueryRuleEntry } from '../../../runtime/snapshot.ts';
import type { MatchInput } from '../../../src/rules/decision.ts';

/** A row with ProxySQL's defaults for a rule that tests nothing. */
export function rule(fields: Partial<QueryRuleEntry> & { readonly ruleId: number }): QueryRuleEntry {
  return {
    username: null,
    schemaname: null,
    flagIn: 0,
    clientAddr: null,
    proxyAddr: null,
    proxyPort: null,
    digest: null,
    matchDigest: null,
    matchPattern: null,
    negateMatchPattern: false,
    caseless: true,
    global: false,
    flagOut: null,
    replacePattern: null,
    destinationHostgroup: null,
    cacheTtlMs: null,
    cacheEmptyResult: null,
    cacheTimeoutMs: null,
    reconnect: null,
    timeoutMs: null,
    retries: null,
    delayMs: null,
    nextQueryFlagIn: null,
    mirrorFlagOut: null,
    mirrorHostgroup: null,
    errorMsg: null,
    okMsg: null,
    stickyConn: null,
    multiplex: null,
    gtidFromHostgroup: null,
    log: null,
    apply: false,
    attributes: '',
    comment: null,
    ...fields,
  };
}

export function input(fields: Partial<MatchInput>): MatchInput {
  return {
    username: 'app',
    schemaname: 'information_schema',
    clientAddress: '127.0.0.1',
    proxyAddress: '127.0.0.1',
    proxyPort: 6033,
    flagIn: 0,
    digest: 1n,
    digestText: 'SELECT ?',
    query: 'SELECT 1',
    rewrite: true,
    ...fields,
  };
}
