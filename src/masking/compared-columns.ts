/**
 * The columns that NATURAL JOIN and USING compare and merge: none of them may be a protected one. It knows the two sides of
 * a join and nothing of the statement.
 */
import { fold } from './identifiers.ts';
import type { Relation, ScopeColumn } from './scope.ts';
import { isProtected, Refused, refuse, USES } from './uses.ts';
import { Reason, refuseStatement } from './verdict.ts';

interface JoinSide {
  readonly columns: readonly ScopeColumn[];
  readonly open: boolean;
  readonly relations: readonly Relation[];
}

/** The names that NATURAL or USING compares; refuses when one may be that of a protected column. */
export function comparedColumns(
  using: readonly string[] | undefined,
  left: JoinSide,
  right: JoinSide,
): ReadonlySet<string> {
  const names = new Set<string>();
  if (using !== undefined) {
    for (const name of using) names.add(fold(name));
  } else {
    const leftNames = new Set(left.columns.map((column) => column.name));
    for (const { name } of right.columns) if (name !== undefined && leftNames.has(name)) names.add(name);
    for (const [side, other] of [
      [left, right],
      [right, left],
    ] as const) {
      const shown = side.columns.find(isProtected);
      if (other.open && shown !== undefined) refuse(shown, USES.join);
      if (other.open && side.relations.some(({ unknownColumn }) => unknownColumn !== undefined)) {
        throw new Refused(refuseStatement(Reason.JOIN, 'which columns the natural join compares is not known'));
      }
    }
  }
  for (const side of [left, right]) {
    for (const column of side.columns) {
      if (column.name !== undefined && names.has(column.name) && isProtected(column)) refuse(column, USES.join);
    }
    for (const { unknownColumn, byName } of side.relations) {
      for (const name of names) {
        const unknown = byName.has(name) ? undefined : unknownColumn?.(name);
        if (unknown !== undefined) refuse(unknown, USES.join);
      }
    }
  }
  return names;
}
