/** What a Parquet file may claim. Its footer and its page headers are promises that nobody has to keep. */

/** Ten thousand row groups of a hundred columns need some 50 MB. */
export const maxFooterBytes = 64 * 1024 * 1024
/** Of values in the footer, each of which becomes an object. */
export const maxFooterValues = 8_000_000
export const maxSchemaElements = 20_000
/** Levels of the schema; a list takes two of them. */
export const maxSchemaDepth = 64

/** A header is some 50 bytes and the smallest and largest value of its page. */
export const maxPageHeaderBytes = 1024 * 1024
/** Writers make pages of 1 MB, DuckDB of up to 100 MB. */
export const maxPageBytes = 256 * 1024 * 1024
/** A page that repeats one value takes few bytes for many of them. */
export const maxPageValues = 1 << 24
