// Runs steps on a LevelDB directory with Node's classic-level, as the tests ask for.
//
// Reads one JSON object from its input: { path, options, steps }. A step is { op, sublevel: [names],
// keyEncoding, valueEncoding, key, value, operations, range }. Prints the list of results as JSON.
// Bytes are written as { "$bytes": hex }, "not there" as null.
import { ClassicLevel } from 'classic-level'

const read = async () => {
  const parts = []
  for await (const part of process.stdin) parts.push(part)
  return JSON.parse(Buffer.concat(parts).toString())
}

const fromJson = (value) =>
  value !== null && typeof value === 'object' && '$bytes' in value
    ? Buffer.from(value.$bytes, 'hex')
    : value

const toJson = (value) =>
  Buffer.isBuffer(value) ? { $bytes: value.toString('hex') } : value === undefined ? null : value

const encodings = ({ keyEncoding, valueEncoding }) => {
  const given = {}
  if (keyEncoding) given.keyEncoding = keyEncoding
  if (valueEncoding) given.valueEncoding = valueEncoding
  return given
}

const within = (db, step) =>
  (step.sublevel ?? []).reduce((level, name) => level.sublevel(name, encodings(step)), db)

const operation = (db, { type, key, value, ...step }) => ({
  type,
  key: fromJson(key),
  value: fromJson(value),
  sublevel: step.sublevel ? within(db, step) : undefined,
  ...(step.sublevel ? {} : encodings(step))
})

const run = async (db, step) => {
  const level = within(db, step)
  switch (step.op) {
    case 'put':
      await level.put(fromJson(step.key), fromJson(step.value), encodings(step))
      return null
    case 'get':
      return toJson(await level.get(fromJson(step.key), encodings(step)))
    case 'del':
      await level.del(fromJson(step.key), encodings(step))
      return null
    case 'batch':
      await db.batch(step.operations.map((one) => operation(db, one)))
      return null
    case 'entries': {
      const entries = await level.iterator({ ...step.range, ...encodings(step) }).all()
      return entries.map(([key, value]) => [toJson(key), toJson(value)])
    }
    case 'compact':
      await db.compactRange('', '\uffff')
      return null
    default:
      throw new Error(`unknown step ${step.op}`)
  }
}

const { path, options, steps } = await read()
const db = new ClassicLevel(path, options)
await db.open()
const results = []
for (const step of steps) results.push(await run(db, step))
await db.close()
process.stdout.write(JSON.stringify(results))
