/** What it costs that the state is looked at, where nobody steers. */
import { milliseconds, ratios } from '../statistics.ts'
import { interleave } from '../interleave.ts'
import { recordResponses } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { prepareSteps } from '../steps.ts'
import type { Subject } from '../subject.ts'

const responseTokens = 16

export async function hook(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const responses = await recordResponses(subject, 16, responseTokens)
  for (const rows of [1, 16]) {
    const observed = await prepareSteps(subject, responses.slice(0, rows))
    const bare = await prepareSteps(subject, responses.slice(0, rows), false)
    await observed.step()
    await bare.step()
    const [base = [], hooked = []] = await interleave(
      [async () => (await bare.step()).seconds, async () => (await observed.step()).seconds],
      { seconds: rows === 1 ? 8 : 12, most: 100 }
    )
    observed.free()
    bare.free()
    add({
      group: 'step time with the hook over without',
      label: rowsText(rows),
      unit: 'ratio',
      spread: ratios(hooked, base),
      details: { 'without the hook, ms': milliseconds(base), 'with the hook, ms': milliseconds(hooked) },
      note: null
    })
  }
  return {
    name: 'hook',
    title: 'The state hook without control',
    about: "The same step in two contexts: one with the state hook, whose states are copied out, and one without any callback, llama.cpp's own."
  }
}

export function rowsText(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`
}
