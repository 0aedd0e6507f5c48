/** Thrown inside this room when a body breaks a bound; `plainText` turns it into a verdict. */
export class UnreadableBody extends Error {}

/** Groups of RTF or elements of XHTML inside each other; word processors stay under 100. */
export const MAX_DEPTH = 500;
