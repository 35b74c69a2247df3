// Queue and Worker of BullMQ within one process: data goes through JSON, a job that throws is tried again once, and
// `close()` of a worker waits for the jobs under way. A worker keeps the process alive until it is closed.
const workers = new Map()
let ids = 0

exports.Queue = class {
  constructor(name) {
    this.name = name
  }
  async add(name, data) {
    ids += 1
    workers
      .get(this.name)
      .take({ id: String(ids), name, data: JSON.parse(JSON.stringify(data)), attemptsMade: 0 })
  }
}

exports.Worker = class {
  constructor(name, process) {
    this.process = process
    this.underWay = new Set()
    this.alive = setInterval(() => {}, 2 ** 30)
    workers.set(name, this)
  }
  take(job) {
    const attempt = this.attempt(job)
    this.underWay.add(attempt)
    attempt.finally(() => this.underWay.delete(attempt))
  }
  async attempt(job) {
    try {
      await this.process(job)
    } catch {
      if (job.attemptsMade === 0) this.take({ ...job, attemptsMade: 1 })
    }
  }
  async close() {
    clearInterval(this.alive)
    while (this.underWay.size > 0) await Promise.all(this.underWay)
  }
}
