// The decorators that the recipe uses: they write down what `NestFactory` of the other stand-in reads.
exports.Module = (metadata) => (target) => {
  target.module = metadata
}
exports.Controller = () => () => {}
exports.Get = (path) => (prototype, method) => {
  prototype.routes ??= []
  prototype.routes.push({ path, method })
}
exports.Param = (name) => (prototype, method) => {
  prototype.parameters = { ...prototype.parameters, [method]: name }
}
