// A server that speaks CouchDB's protocol: express-pouchdb over LevelDB, for tests on machines that
// have no CouchDB. It differs from the real one in many places, which docs/ and the tests name.
//
//   node server.mjs --data FOLDER [--port 5984] [--memory]
//
// It listens on 127.0.0.1 and prints one line of JSON, {"port": 5984}, once it does. Where
// COUCHDB_USER and COUCHDB_PASSWORD are set it asks for them, or for the cookie of POST /_session.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'

import express from 'express'
import expressPouchDB from 'express-pouchdb'
import leveldb from 'pouchdb-adapter-leveldb'
import memory from 'pouchdb-adapter-memory'
import PouchCore from 'pouchdb-core'
import find from 'pouchdb-find'
import mapreduce from 'pouchdb-mapreduce'
import replication from 'pouchdb-replication'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    port: { type: 'string', default: '0' },
    memory: { type: 'boolean', default: false },
  },
})
if (!options.data && !options.memory) throw new Error('--data FOLDER or --memory is needed')
if (!options.memory) mkdirSync(options.data, { recursive: true })

const PouchDB = PouchCore.plugin(options.memory ? memory : leveldb)
  .plugin(mapreduce)
  .plugin(replication)
  .plugin(find)
  .defaults(
    options.memory ? { adapter: 'memory' } : { adapter: 'leveldb', prefix: `${options.data}/` },
  )

const user = process.env.COUCHDB_USER
const password = process.env.COUCHDB_PASSWORD
const sessions = new Set()

const isSame = (one, other) => {
  const [a, b] = [Buffer.from(String(one)), Buffer.from(String(other))]
  return a.length === b.length && timingSafeEqual(a, b)
}

const cookieOf = (request) => /AuthSession=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]

function isAdmin(request) {
  if (!user || sessions.has(cookieOf(request))) return true
  const [scheme, code] = (request.headers.authorization ?? '').split(' ')
  return scheme === 'Basic' && isSame(Buffer.from(code ?? '', 'base64'), `${user}:${password}`)
}

function guard(request, response, next) {
  const isOpen = request.path === '/' || request.path === '/_up'
  if (isOpen || isAdmin(request)) return next()
  const given = request.headers.authorization || cookieOf(request)
  const reason = given ? 'Name or password is incorrect.' : 'You are not authorized to access this db.'
  response.status(401).json({ error: 'unauthorized', reason })
}

const admin = { name: user ?? null, roles: ['_admin'] }

function logIn(request, response) {
  const { name, password: given } = request.body ?? {}
  if (user && !(isSame(name, user) && isSame(given, password))) {
    const reason = 'Name or password is incorrect.'
    return response.status(401).json({ error: 'unauthorized', reason })
  }
  const session = randomBytes(16).toString('hex')
  sessions.add(session)
  response.cookie('AuthSession', session, { httpOnly: true }).json({ ok: true, ...admin })
}

function showSession(request, response) {
  const userCtx = isAdmin(request) ? admin : { name: null, roles: [] }
  response.json({ ok: true, userCtx })
}

function logOut(request, response) {
  sessions.delete(cookieOf(request))
  response.clearCookie('AuthSession').json({ ok: true })
}

// The one thing of a filter's body that express-pouchdb forgets to hand on.
function passSelector(request, _, next) {
  if (request.body?.selector) request.query.selector = request.body.selector
  next()
}

// express-pouchdb answers {} for a document that is missing.
async function bulkGet(request, response, next) {
  const names = await PouchDB.allDbs()
  if (!Array.isArray(request.body?.docs) || !names.includes(request.params.db)) return next()
  const db = new PouchDB(request.params.db)
  const results = []
  for (const { id, rev } of request.body.docs) {
    const found = await db.get(id, rev ? { rev } : {}).then(
      (ok) => ({ ok }),
      ({ name: error, reason }) => ({ error: { id, rev: rev ?? 'undefined', error, reason } }),
    )
    results.push({ id, docs: [found] })
  }
  response.json({ results })
}

// express-pouchdb notes in its list of databases what is made or gone only after it has answered: a
// kill in between would make a database disappear.
function noteFirst(_, response, next) {
  const send = response.send.bind(response)
  response.send = (body) => {
    PouchDB.allDbs().finally(() => send(body)) // waits in the list's own queue
    return response
  }
  next()
}

const app = express()
app.disable('x-powered-by')
app.get('/_up', (_, response) => response.json({ status: 'ok' }))
app
  .route('/_session')
  .get(showSession)
  .post(express.json(), express.urlencoded({ extended: false }), logIn)
  .delete(logOut)
app.use(guard)
app.route('/:db').put(noteFirst).delete(noteFirst)
app.post('/:db/_changes', express.json(), passSelector)
app.post('/:db/_bulk_get', express.json({ limit: '64mb' }), bulkGet)
app.use(
  expressPouchDB(PouchDB, {
    mode: 'minimumForPouchDB',
    overrideMode: {
      // Compression would hold rows of a continuous feed back until its window is full.
      exclude: ['compression'],
      include: ['routes/active-tasks', 'routes/ddoc-info', 'routes/find', 'validation'],
    },
  }),
)

// Some requests, selectors above all, make express-pouchdb throw where nobody catches it. The one
// request hangs, and its client's timeout ends it; the server has to outlive it.
process.on('unhandledRejection', (error) => console.error('unhandled rejection:', error))
process.on('uncaughtException', (error) => console.error('uncaught exception:', error))

const listener = app.listen(Number(options.port), '127.0.0.1', () => {
  console.log(JSON.stringify({ port: listener.address().port }))
})
listener.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
process.on('SIGTERM', () => process.exit(0)) // open feeds would keep it alive for ever
