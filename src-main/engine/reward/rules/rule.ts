/** What a rule is, once its line is read. */
/** What a rule finds in a response, in the unit of its kind. @throws Error that says why there is nothing to tell */
export type Measure = (text: string) => number

/** Reads what follows the kind's name. @throws Error that says what was expected */
export type Kind = (argument: string) => Measure

export interface Rule {
  /** as it was written */
  line: string
  weight: number
  measure: Measure
}
