import CallModel
import Testing
import TimeZones

@testable import PolicyScript

/// An environment in which nothing changes: the clock stands still, and "random" numbers are counted.
func stillEnvironment(
  wallClock: Int64 = 1_790_000_000_123, log: @escaping @Sendable (String) -> Void = { _ in }
) -> ScriptEnvironment {
  ScriptEnvironment(
    clock: { .zero }, wallClock: { WallClock(milliseconds: wallClock) }, random: { 0x0123_4567_89ab_cdef },
    timeZone: ZoneDirectory().rules, log: log)
}

/// Compiles and renders; errors are issues of the test.
func rendered(
  _ source: String, _ variables: [String: ScriptValue] = [:], limits: ScriptLimits = ScriptLimits(),
  environment: ScriptEnvironment = stillEnvironment()
) throws -> String {
  try PolicyScript.compile(source, name: "test.j2").render(
    ScriptContext(variables), limits: limits, environment: environment)
}

/// The error of a rendering, or the first one of a compilation; nil when there is none.
func failure(
  _ source: String, _ variables: [String: ScriptValue] = [:], limits: ScriptLimits = ScriptLimits(),
  environment: ScriptEnvironment = stillEnvironment()
) -> ScriptDiagnostic? {
  do {
    _ = try rendered(source, variables, limits: limits, environment: environment)
    return nil
  } catch let error as ScriptError {
    return error.diagnostic
  } catch let error as ScriptDiagnostics {
    return error.all.first
  } catch {
    return nil
  }
}
