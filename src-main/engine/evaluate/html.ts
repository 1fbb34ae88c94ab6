/** HTML in which every value is escaped unless it is HTML itself: data and model output stay text. */
export interface Html {
  readonly text: string
}

type Value = Html | string | number | readonly (Html | string)[]

function tag(strings: TemplateStringsArray, ...values: Value[]): Html {
  return { text: strings.map((part, i) => part + (i < values.length ? rendered(values[i] as Value) : '')).join('') }
}

function rendered(value: Value): string {
  if (typeof value === 'string') return escaped(value)
  if (typeof value === 'number') return String(value)
  if ('text' in value) return value.text
  return value.map(rendered).join('')
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** `trusted` marks text of our own as HTML. */
export const html = Object.assign(tag, { trusted: (text: string): Html => ({ text }) })
