/** What a model host gets of this process's environment: everything but the keys, as it asks nobody for anything. */
import { withoutKeys } from '../secrets.ts'

export function hostEnvironment(): NodeJS.ProcessEnv {
  const { HF_TOKEN: _token, HUGGING_FACE_HUB_TOKEN: _older, ...others } = withoutKeys(process.env)
  return { ...others, GGML_NO_BACKTRACE: '1' } // no debugger is to be started by ggml on an abort
}
