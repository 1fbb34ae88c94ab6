/** How the person wants models to run on this machine: kept beside the recent projects, as a project moves between machines. */
import { join } from 'node:path'
import { deviceChoice, type DeviceChoice } from '../../contract/device.ts'
import { keep, readKept } from '../kept-json.ts'

export function readDeviceChoice(dataDirectory: string): DeviceChoice {
  return readKept(fileOf(dataDirectory), deviceChoice, deviceChoice.parse({}))
}

export function keepDeviceChoice(dataDirectory: string, choice: DeviceChoice): void {
  keep(fileOf(dataDirectory), choice)
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'device.json')
