/**
 * The versions sluice reports. It owns the two numbers and nothing that is done with them; a test holds VERSION equal
 * to package.json.
 */
export const VERSION = '0.1.0';

/** The ProxySQL release whose commands, tables and texts are reproduced. */
export const PROXYSQL_VERSION = '2.7.1';
