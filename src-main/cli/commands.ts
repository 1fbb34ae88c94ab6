/** Every command of the terminal. */
import type { Command } from './command.ts'
import { chatExport, chatList, chatShow } from './commands/chat.ts'
import { collect } from './commands/collect.ts'
import { dataExport } from './commands/data-export.ts'
import { dataFetch, dataHub } from './commands/data-hub.ts'
import { dataImport } from './commands/data-import.ts'
import { dataPreview } from './commands/data-preview.ts'
import { dataSearch } from './commands/data-search.ts'
import { deviceBackends, deviceFetch, deviceRemove } from './commands/device-backends.ts'
import { deviceList } from './commands/device-list.ts'
import { evaluate } from './commands/evaluate.ts'
import { evaluateCompare, evaluateExport, evaluateExtend, evaluateList, evaluateShow } from './commands/evaluations.ts'
import { generateCommand } from './commands/generate.ts'
import { methodList, metricList, rewardList } from './commands/lists.ts'
import { modelChecksum } from './commands/model-checksum.ts'
import { modelDownload } from './commands/model-download.ts'
import { modelInspect } from './commands/model-inspect.ts'
import { modelList } from './commands/model-list.ts'
import { preferenceDelete, preferenceList, preferenceTrain } from './commands/preference.ts'
import { projectBackup, projectBackups, projectRestore, projectSalvage } from './commands/project-backups.ts'
import { projectNew } from './commands/project-new.ts'
import { rewardDelete } from './commands/reward-delete.ts'
import { rewardShow } from './commands/reward-show.ts'
import { reward } from './commands/reward.ts'
import { run } from './commands/run.ts'
import { serve } from './commands/serve.ts'
import { statesExport, statesImport } from './commands/states.ts'
import { train } from './commands/train.ts'
import { valueFunctionCompare } from './commands/value-function-compare.ts'
import { valueFunctionExplain } from './commands/value-function-explain.ts'
import { valueFunctionShow } from './commands/value-function-show.ts'
import { valueFunctionExport, valueFunctionImport } from './commands/value-function.ts'

// "reward list" before "reward": the first whose words match is taken
export const commands: readonly Command[] = [
  projectNew, projectBackups, projectBackup, projectRestore, projectSalvage,
  modelInspect, modelChecksum, modelList, modelDownload, deviceList, deviceBackends, deviceFetch, deviceRemove,
  dataImport, dataPreview, dataHub, dataFetch, dataSearch, dataExport,
  collect, statesExport, statesImport,
  rewardList, rewardShow, rewardDelete, reward, preferenceTrain, preferenceList, preferenceDelete,
  train, valueFunctionShow, valueFunctionExplain, valueFunctionCompare, valueFunctionExport, valueFunctionImport,
  generateCommand, chatList, chatShow, chatExport, methodList,
  evaluateList, evaluateShow, evaluateExtend, evaluateCompare, evaluateExport, evaluate, metricList,
  run, serve
]
