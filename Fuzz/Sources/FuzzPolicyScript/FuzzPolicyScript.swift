import CallModel
import PolicyScript

/// Any text compiles or is refused with diagnostics that can be shown; what compiles renders within its limits or fails
/// at a place of the script, the same each time, and what it renders is read as an answer or refused, all without a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPolicyScript(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let source = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
  for diagnostic in PolicyScript.check(
    source, name: "script", variables: ["call_info", "service_config", "l"])
  {
    precondition(diagnostic.line > 0 && diagnostic.column > 0 && !diagnostic.excerpt.isEmpty)
  }
  let script: PolicyScript
  do throws(ScriptDiagnostics) {
    script = try PolicyScript.compile(source, name: "script")
  } catch {
    precondition(!error.all.isEmpty)
    return 0
  }
  let first = outcome(script)
  precondition(outcome(script) == first)
  return 0
}

/// The output, or the error as text.
private func outcome(_ script: PolicyScript) -> String {
  var limits = ScriptLimits()
  limits.steps = 20_000
  limits.iterations = 500
  limits.outputBytes = 20_000
  limits.textBytes = 20_000
  limits.elements = 2_000
  limits.integerBits = 2_048
  let context = ScriptContext(
    [
      "call_info": [
        "remote_alias": "sip:ann@example.org", "registered": false, "remote_port": 5060,
        "ms_subnet": ["10.47.5.0"],
      ], "service_config": ["name": "Board", "pin": nil, "allow_guests": true, "rate": 2.5],
      "l": [1, "a", [2], "é"],
    ], readOnly: ["call_info"])
  let environment = ScriptEnvironment(
    clock: { .zero }, wallClock: { WallClock(milliseconds: 1_790_000_000_123) },
    random: { 0x0123_4567_89ab_cdef },
    timeZone: { $0 == "UTC" ? .utc : nil })
  do throws(ScriptError) {
    let output = try script.render(context, limits: limits, environment: environment)
    precondition(output.utf8.count <= limits.outputBytes)
    do throws(ScriptDiagnostic) {
      _ = try ScriptAnswer.read(output, of: "script", kind: .service)
    } catch {
      precondition(!error.excerpt.isEmpty)
    }
    return output
  } catch {
    precondition(error.diagnostic.line > 0 && !error.diagnostic.excerpt.isEmpty)
    return error.description
  }
}
