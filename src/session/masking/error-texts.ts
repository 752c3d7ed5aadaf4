/**
 * Which errors of a server may be shown to a user under masking as they are, after a statement that touches protected
 * columns: those whose text is made of the statement's own words and of names. Every other text may quote a value.
 */
import type { ProtocolError } from '../../protocol/errors.ts';
import type { Statement } from '../statement.ts';

/** Codes of MySQL and MariaDB whose texts quote no values of rows. */
const HARMLESS: ReadonlySet<number> = new Set([
  1006, 1007, 1008, 1022, 1040, 1044, 1045, 1046, 1047, 1048, 1049, 1050, 1051, 1052, 1053, 1054, 1055, 1060, 1061,
  1063, 1064, 1065, 1066, 1067, 1068, 1069, 1070, 1071, 1072, 1075, 1090, 1091, 1093, 1099, 1100, 1101, 1109, 1110,
  1111, 1115, 1128, 1136, 1140, 1141, 1142, 1143, 1146, 1148, 1149, 1153, 1156, 1158, 1159, 1160, 1161, 1166, 1176,
  1193, 1203, 1205, 1206, 1207, 1213, 1222, 1226, 1227, 1231, 1235, 1243, 1267, 1270, 1271, 1273, 1290, 1305, 1317,
  1318, 1364, 1370, 1422, 1451, 1461, 1553, 1556, 1792, 1836, 1845, 1846, 1907, 1969, 2013, 3024, 3572, 4031,
]);

export const WITHHELD = 'The text of this error is withheld: it may hold a protected value (SLUICE-M44)';

/** The same error, without a text that could quote a value. */
export function withoutValues(error: ProtocolError): ProtocolError {
  // A foreign key's error quotes names only, whatever its number.
  return HARMLESS.has(error.code) ? error : { ...error, message: WITHHELD };
}

/** ER_KEY_DOES_NOT_EXITS: a hint names an index that is not there. */
const UNKNOWN_INDEX = 1176;

/** A text that was prepared by SQL has hints of then. */
export function isStalePrepared({ facts, viewKey }: Statement, { code }: ProtocolError): boolean {
  return code === UNKNOWN_INDEX && viewKey !== undefined && facts.kind === 'execute';
}

type Texts = Pick<Statement, 'sentText' | 'frame' | 'prepared' | 'preparing'>;

/**
 * The server knows an index no more that the client's own text does not name: the catalog that told of it is old, and
 * another attempt will find the table as it is.
 */
export function isIndexGone({ sentText, frame, prepared, preparing }: Texts, error: ProtocolError): boolean {
  if (error.code !== UNKNOWN_INDEX || sentText === undefined) return false;
  const name = /'(.*?)'/.exec(error.message)?.[1]?.toLowerCase() ?? '';
  const own = prepared?.text ?? preparing?.text ?? frame;
  return !own.toString('utf8').toLowerCase().includes(name);
}
