// The peer on Node: does the work of level_awaited.py with classic-level, on request.
// Reads one JSON object a line ({work, path, records, keep}), and answers with one ({seconds}).
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// classic-level is installed with the Node packages of the tests.
const require = createRequire(new URL('../tests/node/package.json', import.meta.url))
const { ClassicLevel } = require('classic-level')
const manifest = require.resolve('classic-level/package.json')

const BATCH = 1000
const key = (number) => String(number).padStart(16, '0')
const value = 'v'.repeat(100)
const stores = new Map()

async function opened (path) {
  if (!stores.has(path)) stores.set(path, new ClassicLevel(path))
  const store = stores.get(path)
  await store.open()
  return store
}

const works = {
  async put (store, records) {
    for (let number = 0; number < records; number++) await store.put(key(number), value)
  },
  // The keys in a scattered order that visits each once: the multiplier is prime to 10.
  async get (store, records) {
    for (let number = 0; number < records; number++) {
      const found = await store.get(key((number * 7919) % records))
      if (found.length !== value.length) throw new Error('a wrong value')
    }
  },
  async batch (store, records, batches) {
    for (const operations of batches) await store.batch(operations)
  }
}

function batches (records) {
  const all = []
  for (let first = 0; first < records; first += BATCH) {
    const operations = []
    for (let number = first; number < first + BATCH; number++) {
      operations.push({ type: 'put', key: key(number), value })
    }
    all.push(operations)
  }
  return all
}

console.log(JSON.stringify({
  node: process.version,
  'classic-level': JSON.parse(readFileSync(manifest, 'utf8')).version
}))
for await (const line of createInterface({ input: process.stdin })) {
  const { work, path, records, keep } = JSON.parse(line)
  const store = await opened(path)
  const made = work === 'batch' ? batches(records) : []
  const began = process.hrtime.bigint()
  await works[work](store, records, made)
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  if (!keep) {
    await store.close()
    stores.delete(path)
  }
  console.log(JSON.stringify({ seconds }))
}
