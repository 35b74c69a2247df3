/** Machines decide, and touch nothing: no clock, no chance, no output, and no unit where a decision is made. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { AnyStateMachine } from 'xstate'
import {
  breakerMachine,
  deliveryMachine,
  exporterMachine,
  failoverMachine,
  spoolMachine,
  systemMachine,
} from '../../machines/index.ts'

const folder = new URL('../../machines/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))

describe('machines/', () => {
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8')

    it(`${file} imports nothing but xstate and its siblings`, () => {
      const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
        ([, name]) => name as string,
      )
      const foreign = imported.filter((name) => name !== 'xstate' && !/^\.\/[a-z-]+\.ts$/.test(name))
      assert.deepEqual(foreign, [])
    })

    it(`${file} has no clock, chance, timer or output of its own`, () => {
      assert.doesNotMatch(
        text,
        /\b(Date|Math\.random|setTimeout|setInterval|performance|console|process)\b[.(]/,
      )
    })
  }

  for (const machine of [
    breakerMachine,
    deliveryMachine,
    exporterMachine,
    failoverMachine,
    spoolMachine,
    systemMachine,
  ] as AnyStateMachine[]) {
    const { guards, delays } = machine.implementations

    for (const [kind, functions] of Object.entries({ guard: guards, delay: delays }))
      it(`no ${kind} of the ${machine.id} chart reads anything but context, event and parameters`, () => {
        for (const [name, decide] of Object.entries(functions)) {
          if (typeof decide === 'number') continue
          const source = String(decide)
          // A unit's answer changes while the chart steps: `transition()` and a running actor would disagree.
          assert.doesNotMatch(source, /\b(?:unit|spool)\b\s*[.(,}]/, `${name} asks the unit`)
          assert.doesNotMatch(source, /getSnapshot|\bself\b|\bsystem\b/, `${name} looks at an actor`)
        }
      })
  }

  it('every delay and guard that a chart names is one that it declares', () => {
    for (const machine of [
      breakerMachine,
      deliveryMachine,
      exporterMachine,
      failoverMachine,
      spoolMachine,
      systemMachine,
    ] as AnyStateMachine[]) {
      const { guards, delays } = machine.implementations
      const text = JSON.stringify(machine.config)
      for (const [, name] of text.matchAll(/"guard":"(\w+)"/g)) assert.ok(name && name in guards, name)
      assert.ok(Object.keys(delays).every((name) => text.includes(`"${name}"`)))
    }
  })
})
