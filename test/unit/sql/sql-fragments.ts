/**
 * Arbitrary statements put together from the pieces that make lexers stumble.
 */
import { fc } from '../../helpers/properties.ts';

const PIECES = [
  ...[
    'select',
    'SELECT',
    'GET_LOCK',
    'get_lock',
    'LOCK',
    'TABLES',
    'TEMPORARY',
    'TABLE',
    'CREATE',
    'SET',
    'FOR',
    'NULL',
    'INTO',
  ],
  ...['a', 'b1', '1', '2.5', '1e', '0x1F', '12345', '_x', 'é', '$'],
  ...['(', ')', ',', ';', '=', '+', '-', '*', '/', '.', '...', '?', '@', '@@', ':=', '%', '<'],
  ...["'x'", "'", '"y"', '"', '`z`', '`', "''", '\\', "\\'"],
  ...['/*', '*/', '/*!', '/*!50000 ', '/*M!', '/* c */', '-- ', '--', '#', '\n', '\t', ' ', '  ', '\r\n'],
  ...['(1,2,3,4,5)', ',(1,2,3,4,5)', '1,1,1,1,1,1,', '?,?,?,?,?)'],
];

/** Statements of up to 30 pieces. */
export function fragments(): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(''));
}
