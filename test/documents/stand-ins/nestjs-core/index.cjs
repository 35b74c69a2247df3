// What NestJS promises: routes over Express; on SIGTERM, if the hooks are enabled, the server closes, then each
// `onApplicationShutdown` is awaited, and the signal is raised again.
const express = require('express')

exports.NestFactory = {
  create: async (rootModule) => {
    const app = express()
    const instances = []
    const add = (module) => {
      for (const imported of module.module.imports ?? []) add(imported)
      instances.push(new module())
      for (const Controller of module.module.controllers ?? []) {
        const controller = new Controller()
        for (const { path, method } of controller.routes) {
          app.get(path, async (request, response) => {
            response.json(await controller[method](request.params[controller.parameters[method]]))
          })
        }
      }
    }
    add(rootModule)
    let server
    const shutDown = async (signal) => {
      await new Promise((resolve) => server.close(resolve))
      for (const instance of instances) await instance.onApplicationShutdown?.(signal)
      process.kill(process.pid, signal)
    }
    return {
      enableShutdownHooks: () => process.once('SIGTERM', shutDown),
      listen: (port) =>
        new Promise((resolve) => {
          server = app.listen(port, resolve)
        }),
    }
  },
}
