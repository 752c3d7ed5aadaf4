/**
 * EXPLAIN [FORMAT=JSON] ROUTE FOR 'user' [AT 'address'] [IN 'schema'] [PORT n] AS '<sql>' or AS <sql to the end>. Pure.
 */
import { isCode, type Token, tokenize } from '../db/sql-tokens.ts';
import type { AdminStatement } from './statement.ts';

const BEGINNING = /^explain (?:format ?= ?json )?route( |$)/i;
export const USAGE = "EXPLAIN [FORMAT=JSON] ROUTE FOR 'user' [AT 'address'] [IN 'schema'] [PORT number] AS 'statement'";
const PORT_MAX = 65_535;

/** `sql` is the statement as it came, `text` the same collapsed. undefined when it is no EXPLAIN ROUTE at all. */
export function classifyExplainRoute(sql: string, text: string): AdminStatement | undefined {
  if (!BEGINNING.test(text)) return undefined;
  return parse(sql) ?? { kind: 'refuse', message: `The form is ${USAGE}`, code: 1064, sqlState: '42000' };
}

function parse(sql: string): AdminStatement | undefined {
  const whole = sql.replace(/[;\s]+$/, '');
  const tokens = tokenize(whole).filter(isCode);
  const text = (token: Token | undefined): string => (token === undefined ? '' : whole.slice(token.start, token.end));
  const values = new Map<string, string>();
  let at = tokens.findIndex((token) => text(token).toUpperCase() === 'ROUTE') + 1;
  for (; at < tokens.length; at += 2) {
    const word = text(tokens[at]).toUpperCase();
    const value = tokens[at + 1];
    if (value === undefined || values.has(word)) return undefined;
    if (word === 'AS') {
      values.set(word, statementFrom(whole.slice(tokens[at]?.end ?? 0), tokens.length === at + 2));
      break;
    }
    if (!['FOR', 'AT', 'IN', 'PORT'].includes(word)) return undefined;
    values.set(word, unquoted(text(value)));
  }
  const username = values.get('FOR');
  const statement = values.get('AS');
  const port = values.get('PORT');
  if (username === undefined || statement === undefined) return undefined;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= PORT_MAX)) return undefined;
  return {
    kind: 'explain-route',
    json: /^explain\s+format/i.test(sql.trimStart()),
    question: {
      username,
      sql: statement,
      clientAddress: values.get('AT'),
      schema: values.get('IN'),
      proxyPort: port === undefined ? undefined : Number(port),
    },
  };
}

/** A string alone is the statement; anything else is the statement itself, comments in front of it included. */
function statementFrom(rest: string, alone: boolean): string {
  const text = rest.trim();
  return alone ? unquoted(text) : text;
}

/** Takes quotes off; within them the quote is doubled, as SQLite has it. */
function unquoted(text: string): string {
  const quote = text[0];
  if ((quote !== "'" && quote !== '"') || text.length < 2 || !text.endsWith(quote)) return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}
