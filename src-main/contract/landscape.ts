/** The value landscape: V on a plane of the state space, and a state's path on it. */
import { z } from 'zod'

/**
 * The plane of a landscape: the first two principal components of the states; or the first one and the mean direction of
 * V's gradient, along which the updates go.
 */
export const landscapePlane = z.enum(['components', 'ascent'])
export type LandscapePlane = z.infer<typeof landscapePlane>

/** V on a plane through the mean of a collection's states, in standard deviations of the reward above its mean. */
export const landscape = z.object({
  plane: landscapePlane,
  /** shares of the states' variance along x and y */
  explained: z.tuple([z.number(), z.number()]),
  /** how many the plane was found from */
  states: z.int(),
  x: z.object({ min: z.number(), max: z.number() }),
  y: z.object({ min: z.number(), max: z.number() }),
  /** grid points along each axis */
  size: z.int(),
  /** (size, size), row by row from the lowest y */
  values: z.array(z.number()),
  /** some of the states; their values are those where they are, which is off the plane */
  points: z.array(z.object({ x: z.number(), y: z.number(), value: z.number() }))
})
export type Landscape = z.infer<typeof landscape>

/** A state before any update and after each. */
export const landscapePath = z.object({
  /** of the response */
  tokens: z.int(),
  steps: z.array(z.object({ x: z.number(), y: z.number(), value: z.number() })),
  /** |Delta h| / |h| at the end */
  edit: z.number()
})
export type LandscapePath = z.infer<typeof landscapePath>
