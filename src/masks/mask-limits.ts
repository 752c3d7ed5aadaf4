/** The named limits of masks, and why they have these values. It does not enforce them. */

/** Bytes of a value that a mask's regular expression is tried on; longer ones are masked in full. */
export const maskRegexBytesMax = 256;

/** Bytes of a value that is taken apart to be masked (keep, email, hash, …); longer ones are masked in full. */
export const maskedValueBytesMax = 64 * 1024;

/** Time regular expressions of masks may take for one chunk of an answer, in ms; the rest is masked in full. */
export const maskRegexChunkMs = 20;
