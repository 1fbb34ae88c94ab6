/** Every command of the terminal. */
import type { Command } from './command.ts'
import { chatExport, chatList, chatShow } from './commands/chat.ts'
import { collect } from './commands/collect.ts'
import { dataExport } from './commands/data-export.ts'
import { dataFetch, dataHub } from './commands/data-hub.ts'
import { dataImport } from './commands/data-import.ts'
import { dataPreview } from './commands/data-preview.ts'
import { dataSearch } from './commands/data-search.ts'
import { deviceList } from './commands/device-list.ts'
import { evaluate } from './commands/evaluate.ts'
import { evaluateCompare, evaluateExport, evaluateExtend, evaluateList, evaluateShow } from './commands/evaluations.ts'
import { generateCommand } from './commands/generate.ts'
import { methodList, metricList, rewardList } from './commands/lists.ts'
import { modelInspect } from './commands/model-inspect.ts'
import { preferenceList, preferenceTrain } from './commands/preference.ts'
import { projectNew } from './commands/project-new.ts'
import { rewardShow } from './commands/reward-show.ts'
import { reward } from './commands/reward.ts'
import { run } from './commands/run.ts'
import { statesExport, statesImport } from './commands/states.ts'
import { train } from './commands/train.ts'
import { valueFunctionCompare } from './commands/value-function-compare.ts'
import { valueFunctionShow } from './commands/value-function-show.ts'
import { valueFunctionExport, valueFunctionImport } from './commands/value-function.ts'

// "reward list" before "reward": the first whose words match is taken
export const commands: readonly Command[] = [
  projectNew, modelInspect, dataImport, dataPreview, dataHub, dataFetch, dataSearch, dataExport, collect, statesExport, statesImport, rewardList, rewardShow, reward, preferenceTrain, preferenceList, train, generateCommand, chatList, chatShow, chatExport, evaluateList, evaluateShow, evaluateExtend, evaluateCompare, evaluateExport, evaluate, valueFunctionShow, valueFunctionCompare, valueFunctionExport, valueFunctionImport, methodList, metricList, deviceList, run
]
