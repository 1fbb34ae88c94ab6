import { preferenceSettings, type PreferenceHead, type Share } from '../../contract/preference.ts'
import { refuseUsedHead } from '../../engine/project/uses.ts'
import { number, required } from '../arguments.ts'
import type { Command } from '../command.ts'
import { deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { columns } from '../terminal.ts'

export const preferenceTrain: Command = {
  name: 'preference train',
  usage: `preference train PROJECT --dataset D [--limit N --max-tokens T --seed S ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['dataset', 'limit', 'max-tokens', 'seed', ...deviceFlags],
  async run(session, input) {
    const settings = preferenceSettings.parse({
      dataset: Number(required(input, 'dataset')),
      limit: number(input, 'limit'),
      maxTokens: number(input, 'max-tokens'),
      seed: number(input, 'seed')
    })
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    project.datasets.get(settings.dataset)
    await session.ensureModel()
    const job = await session.run('preference', settings)
    const head = project.preferenceHeads.get(job.subject ?? 0)
    session.terminal.result({ head: head.id, ...head }, linesOf(head))
    return 0
  }
}

export const preferenceList: Command = {
  name: 'preference list',
  usage: 'preference list PROJECT',
  positionals: ['PROJECT'],
  flags: [],
  async run(session, input) {
    const heads = (await session.open(input.positionals[0] ?? '')).preferenceHeads.list()
    const rows = heads.map((h) => [String(h.id), h.datasetName, String(h.trainPairs), String(h.heldOutPairs), text(shareOf(h)), text(h.probe), text(h.longer)])
    session.terminal.result({ heads }, columns([['head', 'data set', 'train', 'held out', 'accuracy', 'logistic probe', 'longer answer'], ...rows]))
    return 0
  }
}

export const preferenceDelete: Command = {
  name: 'preference delete',
  usage: 'preference delete PROJECT --head N',
  positionals: ['PROJECT'],
  flags: ['head'],
  async run(session, input) {
    const head = Number(required(input, 'head'))
    const project = await session.open(input.positionals[0] ?? '')
    refuseUsedHead(project, head)
    project.preferenceHeads.delete(head)
    session.terminal.result({ deleted: { head } }, [`Preference head ${head} was deleted`])
    return 0
  }
}

function linesOf(head: PreferenceHead): string[] {
  const learnt = `Preference head ${head.id}: learnt from ${head.trainPairs} pairs (${(100 * head.trainAccuracy).toFixed(1)} % of them right, L2 ${head.strength.toPrecision(2)})`
  if (head.accuracy === null) return [`${learnt}; no pairs are held out, so nothing is known of unseen ones`]
  return [
    learnt,
    `On ${head.heldOutPairs} held-out pairs: ${text(shareOf(head))}; logistic probe ${text(head.probe)}; longer answer ${text(head.longer)}`,
    `Lead over the probe, paired: ${text(head.lead)}`
  ]
}

function shareOf({ accuracy, low, high }: PreferenceHead): Share | null {
  return accuracy === null || low === null || high === null ? null : { accuracy, low, high }
}

function text(share: Share | null): string {
  return share === null ? '-' : `${share.accuracy.toFixed(3)} [${share.low.toFixed(3)}, ${share.high.toFixed(3)}]`
}
