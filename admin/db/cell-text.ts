/**
 * Values of SQLite as the text ProxySQL sends: what sqlite3_column_text() gives.
 * It knows no columns and no packets.
 */

/** NULL, INTEGER (safe integers on), REAL, TEXT or BLOB. */
export type SqlValue = null | bigint | number | string | Buffer;

export function cellText(value: SqlValue): string | Buffer | null {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return realText(value);
  return value;
}

/** Digits SQLite prints of a REAL; source: https://www.sqlite.org/printf.html, `%!.15g`. */
const REAL_DIGITS = 15;

/** 1e10 is `10000000000.0`, 1e20 `1.0e+20`, 0.1 + 0.2 `0.3`. */
export function realText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (value === 0) return '0.0';
  const [mantissa = '', power = '0'] = Math.abs(value)
    .toExponential(REAL_DIGITS - 1)
    .split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '') || '0';
  const exponent = Number(power);
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= REAL_DIGITS) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}.${digits.slice(1) || '0'}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}
