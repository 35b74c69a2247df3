// A NodeSDK of the parts that it is made of: a provider with a BatchSpanProcessor, registered with the API.
const { trace } = require('@opentelemetry/api')
const { resourceFromAttributes } = require('@opentelemetry/resources')
const { TracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace')

exports.NodeSDK = class {
  constructor({ serviceName, traceExporter }) {
    this.provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': serviceName }),
      spanProcessors: [new BatchSpanProcessor({ exporter: traceExporter })],
    })
  }
  start() {
    trace.setGlobalTracerProvider(this.provider)
  }
  shutdown() {
    return this.provider.shutdown()
  }
}
