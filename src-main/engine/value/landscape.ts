/** V around a collection's states, and the way of one state up it: figure 2 of arXiv:2406.05954. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Landscape, LandscapePath, LandscapePlane } from '../../contract/landscape.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages/train.ts'
import type { Project } from '../project/project.ts'
import { pathFrom } from './ascent-path.ts'
import { affine, product, valueAndGradient, valueOf } from './forward.ts'
import { onPlane, principalPlane, readState, turned, type Plane } from './principal-plane.ts'

const pointsShown = 400
/** states whose gradients are averaged */
const gradientsMeant = 100
/** grid points along each axis */
const gridSize = 48
/** beyond the states on each side, as a share of their extent; more where an edit leads out of them */
const margin = 0.25
const marginUpwards = 2

const planes = new WeakMap<Project, Map<string, Promise<Plane>>>()

/** A value function over the states of a collection, as many numbers each as it takes. */
export interface Pictured {
  network: Network
  /** the same for the same network of a project */
  name: string
  collection: number
}

/** @param collection null: the one that it was trained on @throws StudioError */
export async function landscapeOf(project: Project, valueFunction: number, kind: LandscapePlane, collection: number | null): Promise<Landscape> {
  return surfaceOf(project, pictured(project, valueFunction, collection), kind)
}

/** @throws StudioError 'bad-request' where the collection has too few states */
export async function surfaceOf(project: Project, shown: Pictured, kind: LandscapePlane): Promise<Landscape> {
  const { network } = shown
  const plane = await planeOf(project, shown, kind)
  const step = Math.ceil(plane.states.length / pointsShown)
  const points: Landscape['points'] = []
  for (let i = 0; i < plane.states.length; i += step) {
    const state = plane.states[i] as Float64Array
    const [x, y] = onPlane(plane, state)
    points.push({ x, y, value: valueOf(network, affine(firstOf(network), state)) })
    if (points.length % 50 === 0) await breathe()
  }
  const x = extent(points.map((point) => point.x), margin)
  const y = extent(points.map((point) => point.y), kind === 'ascent' ? marginUpwards : margin)
  return { plane: kind, explained: plane.explained, states: plane.states.length, x, y, size: gridSize, values: await grid(network, plane, x, y), points }
}

interface StateOnPlane {
  valueFunction: number
  plane: LandscapePlane
  response: number
  token: number
}

/**
 * The explicit ascent h += alpha c^2 dV/dh from the state that token `token` of a response was drawn from.
 * @param alpha in units of the value function's standardised states
 */
export async function pathOf(project: Project, { valueFunction, plane, response, token }: StateOnPlane, alpha: number, updates: number): Promise<LandscapePath> {
  const place = project.responses.place(response)
  const shown = pictured(project, valueFunction, place.collection)
  const start = readState(project.statesDirectory, shown.network.inputDim, place, token)
  const stepSize = alpha * project.valueFunctions.detail(valueFunction).scale ** 2
  const way = await pathFrom(start, shown.network, await planeOf(project, shown, plane), { stepSize, updates, target: null, tolerance: 0, maxEdit: null })
  return { tokens: place.states, ...way }
}

/** The plane of a collection's states, found once for as many as there are. */
export async function planeOf(project: Project, { network, name, collection }: Pictured, kind: LandscapePlane): Promise<Plane> {
  const places = project.responses.states(collection)
  const known = planes.get(project) ?? new Map<string, Promise<Plane>>()
  planes.set(project, known)
  const kept = (key: string, find: () => Promise<Plane>): Promise<Plane> => {
    const plane = known.get(key) ?? find()
    known.set(key, plane)
    plane.catch(() => known.delete(key))
    return plane
  }
  const states = `${collection}/${places.length}` // a collection may still grow
  const components = kept(states, () => principalPlane(project.statesDirectory, network.inputDim, places))
  return kind === 'components' ? components : kept(`${states}/${name}`, async () => turned(await components, await meanGradient(network, (await components).states)))
}

function pictured(project: Project, valueFunction: number, chosen: number | null): Pictured {
  const { collection: own, inputDim } = project.valueFunctions.detail(valueFunction)
  const collection = chosen ?? own
  if (collection === null) throw new StudioError('bad-request', 'an imported value function has no collection of its own; choose one whose states are shown')
  const size = project.collections.inputDim(project.collections.get(collection).id)
  if (size !== inputDim) throw new StudioError('bad-request', `the value function takes states of ${inputDim} numbers, those of collection ${collection} have ${size}`)
  return { network: project.valueFunctions.network(valueFunction), name: String(valueFunction), collection }
}

async function meanGradient(network: Network, states: Float64Array[]): Promise<Float64Array> {
  const sum = new Float64Array(network.inputDim)
  const step = Math.ceil(states.length / gradientsMeant)
  for (let i = 0; i < states.length; i += step) {
    const { gradient } = valueAndGradient(network, states[i] as Float64Array)
    for (let d = 0; d < sum.length; d++) sum[d]! += gradient[d] as number
    if (i % (10 * step) === 0) await breathe()
  }
  return sum
}

/** V at mean + x a + y b: the first layer is linear, so that its z are combined from three products. Row by row, from the lowest y. */
async function grid(network: Network, { mean, axes: [a, b] }: Plane, x: Landscape['x'], y: Landscape['y']): Promise<number[]> {
  const first = firstOf(network)
  const units = first.bias.length
  const z0 = affine(first, mean)
  const [za, zb] = [product(first.weight, units, a), product(first.weight, units, b)]
  const values: number[] = []
  for (let row = 0; row < gridSize; row++) {
    const v = y.min + ((y.max - y.min) * row) / (gridSize - 1)
    for (let column = 0; column < gridSize; column++) {
      const u = x.min + ((x.max - x.min) * column) / (gridSize - 1)
      values.push(valueOf(network, z0.map((z, i) => z + u * (za[i] as number) + v * (zb[i] as number))))
    }
    await breathe()
  }
  return values
}

function firstOf({ layers: [first] }: Network): Network['layers'][number] {
  if (first === undefined) throw new StudioError('project-damaged', 'the value function has no layers')
  return first
}

function extent(values: number[], above: number): { min: number; max: number } {
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity])
  const range = high - low || 1
  return { min: low - margin * range, max: high + above * range }
}
