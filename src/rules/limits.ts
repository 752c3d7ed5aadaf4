/** The named limits of rule matching, and why they have these values. It does not enforce them. */

/**
 * Work a V8 RegExp may do in the worst case on one text, in steps of about 1 ns (bench/micro/rules.ts). A text for
 * which a pattern could need more is matched by the budgeted matcher instead.
 */
export const regexNativeStepsMax = 4_000_000;

/** Steps (about 10 ns each) the budgeted matcher may do for one statement on the event loop. */
export const regexInlineStepsMax = 200_000;

/** A text longer than this seldom fits into regexInlineStepsMax: it only gets regexInlineStepsLongText to try. */
export const regexLongTextBytes = 32 * 1024;
export const regexInlineStepsLongText = 20_000;

/** Time all rules together may take for one statement on the event loop. */
export const regexInlineMs = 8;

/** The same for EXPLAIN ROUTE, which nobody asks often and which a busy machine must not cut short. */
export const regexExplainMs = 100;

/** Bytes of the "been here" bitmap of the budgeted matcher; without it a match may take exponential time. */
export const regexMemoBytesMax = 64 * 1024 * 1024;

/** Instructions of one pattern; `(a{1000}){1000}` is refused at LOAD. */
export const regexProgramMax = 50_000;

/** Depth of parentheses, as PCRE. */
export const regexNestingMax = 250;

/** Entries of the backtrack stack (4 bytes each); a pattern that needs more counts as out of time. */
export const regexStackEntriesMax = 64 * 1024 * 1024;

/** Time one statement may take in the quick lane of the matcher thread before it moves to the slow lane. */
export const regexQuickLaneMs = 15;

/** Default time one statement may take in the slow lane; then it is refused. */
export const regexDeadlineMs = 2_000;

/** Statements that may wait for a lane; further ones are refused. */
export const regexQueueMax = 1_000;
