import CallModel
import Glibc
import PolicyEngine

/// What a decision costs, with its record, as on a live call:
///
///     policybench PATTERNS ALIASES SECONDS [FORMS]
///
/// The files have one entry a line; each pattern becomes a rule, in the form of the same line where there is one. Prints one
/// line of JSON.
@main struct PolicyBench {
  static func main() throws {
    guard (4...5).contains(CommandLine.arguments.count), let seconds = Double(CommandLine.arguments[3]) else {
      print("usage: policybench PATTERNS ALIASES SECONDS [FORMS]")
      exit(2)
    }
    let patterns = try lines(CommandLine.arguments[1])
    let forms = CommandLine.arguments.count == 5 ? try lines(CommandLine.arguments[4]).map(form) : []
    let requests = try lines(CommandLine.arguments[2]).map { alias in
      CallRequest(
        id: CallID(high: 0, low: 0), direction: .dialIn, trigger: .invite, callProtocol: .sip,
        alias: Alias(dialled: "sip:" + alias, protocol: .sip), caller: Caller(alias: "sip:caller@example.org")
      )
    }
    let before = residentBytes()
    let start = nanoseconds(CLOCK_MONOTONIC)
    let snapshot = try compile(patterns, forms)
    let compiled = nanoseconds(CLOCK_MONOTONIC)
    let size = residentBytes() - before - patterns.reduce(0) { $0 + $1.utf8.count }

    var found = 0
    var times: [Int64] = []
    let now = WallClock(milliseconds: 1_800_000_000_000)
    for request in requests where snapshot.decide(request, now: now).record.rule != nil { found += 1 }
    let begin = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
    let limit = Int64(seconds * 1e9)
    var decisions = 0
    while nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin < limit {
      for request in requests { _ = snapshot.decide(request, now: now) }
      decisions += requests.count
    }
    let mean = Double(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin) / Double(max(1, decisions))
    for request in requests + requests {
      let before = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
      _ = snapshot.decide(request, now: now)
      times.append(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - before)
    }
    times.sort()
    print(
      "{\"ns\": \(mean), \"p50\": \(times[times.count / 2]), \"p99\": \(times[times.count * 99 / 100]), "
        + "\"found\": \(found), \"asked\": \(requests.count), \"compile_ms\": \((compiled - start) / 1_000_000), "
        + "\"bytes_per_rule\": \(size / max(1, snapshot.policy.rules.count))}")
  }

  /// A policy with a rule for each pattern.
  static func compile(_ patterns: [String], _ forms: [PatternForm?]) throws -> PolicySnapshot {
    var policy = Policy(trunks: [Trunk(name: "carrier", host: "192.0.2.1")])
    let gateway = GatewayConfiguration(name: "", remoteAlias: "", trunks: [TrunkChoice(trunk: "carrier")])
    policy.rules = patterns.enumerated().map { i, pattern in
      var rule = CallRoutingRule(
        name: "rule \(i)", priority: 1 + i * 199 / max(1, patterns.count - 1),
        // A text of its own, so that it is counted.
        pattern: String(decoding: Array(pattern.utf8), as: UTF8.self), gateway: gateway)
      if i < forms.count, let form = forms[i] { rule.form = form }
      return rule
    }
    return try PolicySnapshot(compiling: policy)
  }

  /// `exact bob domain example.com optional`; nil for an empty line.
  static func form(_ line: String) -> PatternForm? {
    var words = line.split(separator: " ").map(String.init)[...]
    guard !words.isEmpty else { return nil }
    var form = PatternForm()
    while let word = words.popFirst() {
      switch word {
      case "exact": form.texts.append(words.removeFirst())
      case "prefix": form.prefixes.append(words.removeFirst())
      case "domain": form.domains.append(words.removeFirst())
      case "digits":
        let bounds = words.removeFirst().split(separator: "-").compactMap { Int($0) }
        form.digits = bounds[0]...bounds[1]
      case "optional": form.isDomainRequired = false
      default: fatalError("no part of a form: \(word)")
      }
    }
    return form
  }

  static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  struct Unreadable: Error { var path: String }

  static func lines(_ path: String) throws -> [String] {
    guard let file = fopen(path, "r") else { throw Unreadable(path: path) }
    defer { fclose(file) }
    var result: [String] = []
    var line: UnsafeMutablePointer<CChar>?
    var room = 0
    defer { free(line) }
    while getline(&line, &room, file) > 0, let line {
      let text = String(cString: line)
      result.append(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
    return result
  }

  /// Resident set of this process, without what the allocator keeps for later.
  static func residentBytes() -> Int {
    typealias Trim = @convention(c) (Int) -> Int32
    // <malloc.h> is not part of the module.
    if let symbol = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(symbol, to: Trim.self)(0) }
    guard let text = try? lines("/proc/self/statm").first, let pages = Int(text.split(separator: " ")[1])
    else { return 0 }
    return pages * 4096
  }
}
