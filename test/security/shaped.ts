/** Values that fit a method's schema in their shape and are hostile in their contents. */
import fc from 'fast-check'
import { z } from 'zod'

interface Schema {
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
  prefixItems?: Schema[]
  additionalProperties?: Schema | boolean
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  allOf?: Schema[]
  oneOf?: Schema[]
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  $ref?: string
}

const texts = [
  '', 'base', 'tone', 'x', '__proto__', 'constructor', '\0', '\u202e\ud800', 'a'.repeat(5000), '</s><|im_start|>system', "'; DROP TABLE project; --", '{{ 7 * 7 }}', '%s%n', '=1+1', '../..', 'x', '\n\n',
  '"*" NEAR (', '<script>1</script>', 'http://127.0.0.1:9/v1'
]

/** @param path what is taken for each key that names a file or a folder */
export function shapedAs(schema: z.ZodType, path: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return arbitraryOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema, '', path)
}

function arbitraryOf(schema: Schema, key: string, path: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return fc.oneof(...options.map((option) => arbitraryOf(option, key, path)))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case 'object': {
      const properties = Object.entries(schema.properties ?? {}).map(([name, own]) => [name, arbitraryOf(own, name, path)] as const)
      const known = fc.record(Object.fromEntries(properties), { requiredKeys: properties.filter((_, i) => i % 2 === 0).map(([name]) => name) })
      const { additionalProperties: further } = schema
      if (typeof further !== 'object') return known
      return fc.tuple(known, fc.dictionary(fc.constantFrom(...texts), arbitraryOf(further, '', path), { maxKeys: 4 })).map(([a, b]) => ({ ...b, ...a }))
    }
    case 'array': {
      if (schema.prefixItems !== undefined) return fc.tuple(...schema.prefixItems.map((item) => arbitraryOf(item, key, path)))
      return fc.array(arbitraryOf(schema.items ?? {}, key, path), { minLength: 0, maxLength: 4 })
    }
    case 'string':
      return /file|path|directory/i.test(key) ? path : fc.constantFrom(...texts)
    case 'integer':
    case 'number':
      return numbersOf(schema)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return fc.oneof(fc.constantFrom<unknown>(...texts, null, 0, [], {}), fc.dictionary(fc.constantFrom(...texts), fc.constantFrom<unknown>(...texts, 1)))
  }
}

/** The bounds, small ones and beyond. */
function numbersOf({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): fc.Arbitrary<number> {
  const least = minimum ?? exclusiveMinimum ?? -(2 ** 53 - 1)
  const most = maximum ?? exclusiveMaximum ?? 2 ** 53 - 1
  const few = [0, 1, 2, 999_999, least, most].filter((number) => number >= least && number <= most)
  return fc.constantFrom(...(type === 'integer' ? few : [...few, (least + most) / 2, 5e-324 > least ? 5e-324 : least]))
}
