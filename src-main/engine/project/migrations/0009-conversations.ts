/**
 * Turns of the chat become trees of conversations, answers rows of their own, and both can be searched. An earlier turn
 * is a conversation by itself: none knew of another when it was answered.
 */
import type { Database } from 'better-sqlite3'
import { searchable } from '../search-words.ts'

interface EarlierTurn {
  created: string
  prompt: string
  seed: number
  panes: string
}

export function migrate(db: Database): void {
  db.exec(`
    CREATE TABLE conversations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      title TEXT NOT NULL,
      created TEXT NOT NULL,
      updated TEXT NOT NULL
    ) STRICT;
    CREATE INDEX conversationsByUpdate ON conversations (updated);

    -- parent: the turn that this one goes on from; a parent is always older. failure: why an answer is not whole.
    CREATE TABLE newTurns (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
      parent INTEGER REFERENCES newTurns(id) ON DELETE CASCADE,
      created TEXT NOT NULL,
      prompt TEXT NOT NULL,
      seed INTEGER NOT NULL,
      failure TEXT,
      CHECK (parent < id)
    ) STRICT;

    -- method, ended: JSON; steps: JSON, one entry a token. The text comes before the steps, so that it is read without them.
    CREATE TABLE answers (
      turn INTEGER NOT NULL REFERENCES newTurns(id) ON DELETE CASCADE,
      pane INTEGER NOT NULL,
      method TEXT NOT NULL,
      text TEXT NOT NULL,
      ended TEXT,
      steps TEXT NOT NULL,
      PRIMARY KEY (turn, pane)
    ) STRICT;

    -- Of a turn under its id; of a conversation's title under minus the conversation's id.
    CREATE VIRTUAL TABLE chatWords USING fts5(prompt, answers,
      content='', contentless_delete=1, prefix='1', tokenize="unicode61 remove_diacritics 2 categories 'L* N* Mn Mc Co So'");

    -- Named sets of panes. methods: JSON
    CREATE TABLE panePresets (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      methods TEXT NOT NULL
    ) STRICT;
  `)
  const read = db.prepare('SELECT created, prompt, seed, panes FROM turns WHERE id = ?')
  const addConversation = db.prepare('INSERT INTO conversations (title, created, updated) VALUES (?, ?, ?)')
  const addTurn = db.prepare('INSERT INTO newTurns (id, conversation, created, prompt, seed) VALUES (?, ?, ?, ?, ?)')
  const addAnswer = db.prepare('INSERT INTO answers (turn, pane, method, text, ended, steps) VALUES (?, ?, ?, ?, ?, ?)')
  const addWords = db.prepare('INSERT INTO chatWords (rowid, prompt, answers) VALUES (?, ?, ?)')
  for (const id of db.prepare('SELECT id FROM turns ORDER BY id').pluck().all() as number[]) {
    const { created, prompt, seed, panes } = read.get(id) as EarlierTurn
    const answers = JSON.parse(panes) as { method: unknown; text: string; end: unknown; steps: unknown[] }[]
    const title = titleOf(prompt)
    const conversation = Number(addConversation.run(title, created, created).lastInsertRowid)
    addTurn.run(id, conversation, created, prompt, seed)
    answers.forEach(({ method, text, end, steps }, pane) => addAnswer.run(id, pane, JSON.stringify(method), text, end && JSON.stringify(end), JSON.stringify(steps)))
    addWords.run(id, searchable(prompt), searchable(answers.map(({ text }) => text).join('\n')))
    addWords.run(-conversation, searchable(title), '')
  }
  db.exec(`
    DROP TABLE turns;
    ALTER TABLE newTurns RENAME TO turns;
    CREATE INDEX turnsByConversation ON turns (conversation);
    CREATE INDEX turnsByParent ON turns (parent);
  `)
}

function titleOf(prompt: string): string {
  const line = prompt.trim().replaceAll(/\s+/g, ' ')
  return [...line.slice(0, 121)].length > 60 ? `${[...line.slice(0, 121)].slice(0, 59).join('')}…` : line
}
