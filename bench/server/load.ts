import { Agent, request } from 'node:http'
import { sleep } from '../peers/workers.ts'

export interface Load {
  /** Sends requests at a fixed rate, however long their answers take; gives how many were answered with 200. */
  run(port: number, perSecond: number, seconds: number): Promise<number>
  close(): void
}

export function createLoad(pathOf: (i: number) => string): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  let sent = 0

  const one = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const asked = request({ agent, port, host: '127.0.0.1', path: pathOf(sent++) }, (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode === 200))
        answer.on('error', () => resolve(false))
      })
      asked.on('error', () => resolve(false))
      asked.end()
    })

  return {
    run: async (port, perSecond, seconds) => {
      const total = Math.round(perSecond * seconds)
      const answers: Promise<boolean>[] = []
      const start = performance.now()
      while (answers.length < total) {
        const due = Math.min(Math.floor(((performance.now() - start) / 1000) * perSecond), total)
        while (answers.length < due) answers.push(one(port))
        await sleep(1)
      }
      return (await Promise.all(answers)).filter(Boolean).length
    },
    close: () => agent.destroy(),
  }
}
