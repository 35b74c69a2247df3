// A newcomer who types what the README says under "Five minutes" sees what it says: two pages, metrics, spans, an account.
import assert from 'node:assert/strict'
import { ask, askFor, createPlace, type Place, type Program, printed, textOf } from './place.ts'

describe('the first program of the README', () => {
  let place: Place
  let service: Program

  before(async () => {
    place = await createPlace('README.md', { ports: [4318, 9464, 9465] })
    service = place.run('service.mjs', {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://localhost:${place.port(4318)}/v1/traces`,
    })
  })
  after(() => place.close())

  const shownAfter = (words: string): string =>
    textOf('README.md').split(words)[1]!.split('```text\n')[1]!.split('```')[0]!

  it('shows its metrics', async () => {
    const page = await askFor(service, place.url(9464, '/metrics'), 'cart_paid_total{currency="EUR"}')
    assert.match(page, /checkout_success_duration_seconds/)
  })

  it('prints what to open', () => {
    const shown = shownAfter('It prints')
    const here = shown.replaceAll(/\d{4}/g, (port) => String(place.port(Number(port))))
    assert.equal(service.stdout(), here)
  })

  it('shows the live page, without a token on this machine, and that the receiver is away', async () => {
    assert.match((await ask(service, place.url(9465, '/'))).text, /<html/)
    await askFor(service, place.url(9465, '/status'), 'nothing listens there')
  })

  it('delivers the spans that waited to the receiver of the README, and accounts for them', async () => {
    const receiver = place.run('receiver.mjs')
    const line =
      /^shop checkout \{"duration_ms":[\de.-]+,"shop":"berlin","correlation_id":"[^"]+","items":3\}$/m
    await printed(receiver, line)
    assert.match(shownAfter('node receiver.mjs'), line)
    service.child.kill('SIGINT')
    assert.equal(await service.ended, 0)
    assert.match(service.stdout(), /complete: true/)
    receiver.child.kill('SIGINT')
    await receiver.ended
  })
})
