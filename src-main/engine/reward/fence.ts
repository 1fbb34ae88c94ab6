/** Texts that are to be judged, in their places in a rubric, fenced so that none of them can pose as the question. */
import { createHash } from 'node:crypto'
import type { Message } from '../../contract/data.ts'

/**
 * @param parts by their places in the rubric: {prompt} is where the text of `prompt` goes
 * @returns the fence too, which ends the name of each tag
 */
export function fenced(rubric: string, parts: Record<string, string>): { text: string; fence: string } {
  const own = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, withoutControl(part)]))
  const fence = fenceFor(rubric, Object.values(own))
  const places = new RegExp(`\\{(${Object.keys(own).join('|')})\\}`, 'g')
  return { fence, text: rubric.replaceAll(places, (_all, name: string) => `<${name}-${fence}>\n${own[name]}\n</${name}-${fence}>`) }
}

/** A conversation turn by turn; the prompt as it stands where there are no turns. */
export function transcriptOf({ prompt, messages }: { prompt: string; messages: Message[] }): string {
  if (messages.length === 0) return prompt
  return messages.map(({ role, content }) => `${names[role]}: ${content}`).join('\n\n')
}

const names: Record<Message['role'], string> = { system: 'System', user: 'Human', assistant: 'Assistant' }

/**
 * A tag that the texts do not hold and could not have foretold, as it depends on all of them. It is no random one, so
 * that the same response is always judged by the same request.
 */
function fenceFor(rubric: string, texts: string[]): string {
  for (let attempt = 0; ; attempt++) {
    const fence = createHash('sha256').update(JSON.stringify([rubric, ...texts, attempt])).digest('hex').slice(0, 16)
    if (!texts.join('').includes(fence)) return fence
  }
}

const controlTokens = /<(?=[|\uff5c])|(?<=[|\uff5c])>|<(?=\/?(?:s|bos|eos|pad|unk|sep|cls|mask|think|im_start|im_end|start_of_turn|end_of_turn|end_of_text|endoftext|start_of_image|image)>)|<(?=<\/?SYS>>)|\[(?=\/?[A-Z][A-Z_]{2,}\])/g

/** Servers and llama.cpp read control tokens wherever they are spelled, and "<|im_end|>" in a response would end the question: a space inside takes that from it. */
function withoutControl(text: string): string {
  return text.replaceAll(controlTokens, (character) => (character === '>' ? ' >' : `${character} `))
}
