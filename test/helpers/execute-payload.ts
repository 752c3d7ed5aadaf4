/**
 * The payload of COM_STMT_EXECUTE with text parameters, types included.
 */
const FIELD_TYPE_VAR_STRING = 253;

/** @param params at most 250 bytes each */
export function executePayload(id: number, params: readonly string[]): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(id);
  head.writeUInt32LE(1, 5);
  if (params.length === 0) return head;
  const nulls = Buffer.alloc((params.length + 7) >> 3);
  const types = Buffer.concat(params.map(() => Buffer.from([FIELD_TYPE_VAR_STRING, 0])));
  const values = params.map((value) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]));
  return Buffer.concat([head, nulls, Buffer.from([1]), types, ...values]);
}
