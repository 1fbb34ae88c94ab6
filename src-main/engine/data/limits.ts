/** What a data file may ask of this machine. Everything that is read is bounded by one of these. */

/** Of one row as it lies in the file. No prompt is that long, and one row must not fill the memory. */
export const maxRowBytes = 16 * 1024 * 1024

/** Of lists and objects in one row. Conversations need four; what is nested deeper was made to exhaust somebody's stack. */
export const maxNesting = 256

/** Of the head that tells what kind of file it is: enough for the first line of almost every file. */
export const headBytes = 256 * 1024

/** A JSON file that is one object is held whole to turn its columns into rows; see readers/json-document.ts. */
export const maxDocumentBytes = 64 * 1024 * 1024

/** Text shrinks to a third or a tenth in gzip; 1032 times is all that gzip can do. Small files may do so, they do no harm. */
export const maxUnpackRatio = 200
export const freeUnpackBytes = 256 * 1024 * 1024

/** Of a table. Each row is an object with as many properties. */
export const maxColumns = 10_000
