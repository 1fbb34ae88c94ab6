// electron-builder's hook behind the unpacked program: takes out what Electron shows when it has no app. electron-builder
// does so itself only with an Electron that it has fetched.
import { rmSync } from 'node:fs'
import path from 'node:path'

export default function afterPack({ appOutDir, packager }) {
  const resources = packager.platform.name === 'mac' ? path.join(`${packager.appInfo.productFilename}.app`, 'Contents', 'Resources') : 'resources'
  rmSync(path.join(appOutDir, resources, 'default_app.asar'), { force: true })
}
