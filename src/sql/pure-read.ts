/**
 * Does a SELECT only read? What is called by a name that is not one of the server's own harmless functions may be a
 * stored function, which may do anything; so are system and user variables, which belong to one session, and INTO. Only
 * the tokens are looked at. A view whose definition calls a stored function that writes cannot be recognised by them.
 */
import { Token } from './scanner.ts';

/** Words that may stand before a parenthesis without calling anything. */
const GRAMMAR = `ALL AND ANY AS BETWEEN BY CASE CROSS DISTINCT DIV ELSE EXCEPT EXISTS FORCE FROM GROUP HAVING IGNORE IN INDEX
INTERSECT INTERVAL JOIN KEY LEFT LIKE LIMIT MOD NOT ON OR ORDER OVER PARTITION REGEXP RIGHT RLIKE SELECT SOME STRAIGHT_JOIN
THEN UNION USE USING WHEN WHERE WITH XOR BINARY CHAR CHARACTER DECIMAL NUMERIC FLOAT DOUBLE TIME DATETIME NCHAR VALUES ROW
AGAINST MATCH`;

/** The servers' own functions that read no state of the session but user, schema and clock, and leave none. */
const FUNCTIONS = `ABS ACOS ADDDATE ADDTIME ASCII ASIN ATAN ATAN2 AVG BIN BIT_AND BIT_COUNT BIT_LENGTH BIT_OR BIT_XOR CAST
CEIL CEILING CHAR_LENGTH CHARACTER_LENGTH CHARSET COALESCE COLLATION CONCAT CONCAT_WS CONV CONVERT CONVERT_TZ COS COT COUNT
CRC32 CUME_DIST CURDATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURTIME DATABASE DATE DATE_ADD DATE_FORMAT
DATE_SUB DATEDIFF DAY DAYNAME DAYOFMONTH DAYOFWEEK DAYOFYEAR DEGREES DENSE_RANK ELT EXP EXPORT_SET EXTRACT FIELD FIND_IN_SET
FIRST_VALUE FLOOR FORMAT FROM_BASE64 FROM_DAYS FROM_UNIXTIME GREATEST GROUP_CONCAT GROUPING HEX HOUR IF IFNULL INET_ATON
INET_NTOA INET6_ATON INET6_NTOA INSERT INSTR ISNULL JSON_ARRAY JSON_ARRAYAGG JSON_CONTAINS JSON_CONTAINS_PATH JSON_DEPTH
JSON_EXTRACT JSON_KEYS JSON_LENGTH JSON_OBJECT JSON_OBJECTAGG JSON_QUOTE JSON_SEARCH JSON_SET JSON_TABLE JSON_TYPE JSON_UNQUOTE
JSON_VALID JSON_VALUE LAG LAST_DAY LAST_VALUE LCASE LEAD LEAST LENGTH LN LOCALTIME LOCALTIMESTAMP LOCATE LOG LOG10 LOG2 LOWER
LPAD LTRIM MAKE_SET MAKEDATE MAKETIME MAX MD5 MICROSECOND MID MIN MINUTE MONTH MONTHNAME NOW NTH_VALUE NTILE NULLIF OCT
OCTET_LENGTH ORD PERCENT_RANK PERIOD_ADD PERIOD_DIFF PI POSITION POW POWER QUARTER QUOTE RADIANS RANK REGEXP_INSTR REGEXP_LIKE
REGEXP_REPLACE REGEXP_SUBSTR REPEAT REPLACE REVERSE ROUND ROW_NUMBER RPAD RTRIM SCHEMA SEC_TO_TIME SECOND SHA SHA1 SHA2 SIGN
SIN SOUNDEX SPACE SQRT ST_AREA ST_ASTEXT ST_ASWKT ST_CONTAINS ST_DISTANCE ST_GEOMFROMTEXT ST_INTERSECTS ST_WITHIN ST_X ST_Y STD
STDDEV STDDEV_POP STDDEV_SAMP STR_TO_DATE STRCMP SUBDATE SUBSTR SUBSTRING SUBSTRING_INDEX SUBTIME SUM SYSDATE TAN TIME_FORMAT
TIME_TO_SEC TIMEDIFF TIMESTAMP TIMESTAMPADD TIMESTAMPDIFF TO_BASE64 TO_DAYS TO_SECONDS TRIM TRUNCATE UCASE UNHEX UNIX_TIMESTAMP
UPPER UTC_DATE UTC_TIME UTC_TIMESTAMP VAR_POP VAR_SAMP VARIANCE VERSION WEEK WEEKDAY WEEKOFYEAR YEAR YEARWEEK`;

const HARMLESS: ReadonlySet<string> = new Set(`${GRAMMAR} ${FUNCTIONS}`.split(/\s+/));

/** Words that make a SELECT more than a read: it writes a file or variables, or calls an old procedure. */
const HARMFUL: ReadonlySet<string> = new Set(['INTO', 'PROCEDURE']);

const DOT = 0x2e;
const SPACE = 0x20;
const SLASH = 0x2f;
const LONGEST_WORD = 40;

/** Looks at the tokens of one reading of a text, in order. */
export class PureReadFinder {
  pure = true;
  #text: Uint8Array = new Uint8Array(0);
  #start = 0;
  /** The token before, when it was a name. */
  #wordStart = -1;
  #wordEnd = 0;
  #quoted = false;

  reset(text: Uint8Array, start: number): void {
    this.pure = true;
    this.#text = text;
    this.#start = start;
    this.#wordStart = -1;
  }

  see(token: Token, start: number, end: number): void {
    if (!this.pure) return;
    if (token === Token.OPEN && this.#wordStart >= 0) this.pure = this.#mayBeCalled(start);
    this.#wordStart = -1;
    if (token === Token.AT || token === Token.SYSTEM) this.pure = false;
    if (token !== Token.WORD && token !== Token.NAME && token !== Token.DOUBLE) return;
    this.#wordStart = start;
    this.#wordEnd = end;
    this.#quoted = token !== Token.WORD;
    if (!this.#quoted && end - start <= LONGEST_WORD && HARMFUL.has(this.#word())) this.pure = false;
  }

  /** Whether the word right before the parenthesis at `open` is grammar or a harmless function. */
  #mayBeCalled(open: number): boolean {
    // What lies between the two tokens and is no blank is a comment: nobody hides a harmless call behind one.
    for (let i = this.#wordEnd; i < open; i += 1) if (this.#text[i]! > SPACE) return false;
    if (this.#quoted || this.#wordEnd - this.#wordStart > LONGEST_WORD) return false;
    let before = this.#wordStart - 1;
    while (before >= this.#start && this.#text[before]! <= SPACE) before -= 1;
    // `schema.function (`, or a comment that could hide the dot.
    if (before >= this.#start && (this.#text[before] === DOT || this.#text[before] === SLASH)) return false;
    return HARMLESS.has(this.#word());
  }

  #word(): string {
    let word = '';
    for (let i = this.#wordStart; i < this.#wordEnd; i += 1) word += String.fromCharCode(this.#text[i]!);
    return word.toUpperCase();
  }
}
