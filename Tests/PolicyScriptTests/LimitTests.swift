import CallModel
import Synchronization
import Testing

@testable import PolicyScript

/// Each limit, exactly reached and passed by one.
@Suite struct LimitTests {
  private func limits(_ change: (inout ScriptLimits) -> Void) -> ScriptLimits {
    var limits = ScriptLimits()
    change(&limits)
    return limits
  }

  private func expectLimit(
    _ name: String, _ source: String, _ limits: ScriptLimits, _ variables: [String: ScriptValue] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = failure(source, variables, limits: limits)
    #expect(found?.code == "limit-\(name)", "\(String(describing: found))", sourceLocation: sourceLocation)
  }

  @Test func iterations() throws {
    let source = "{% for i in range(3) %}{% for j in range(2) %}.{% endfor %}{% endfor %}"
    #expect(try rendered(source, limits: limits { $0.iterations = 9 }) == "......")
    expectLimit("iterations", source, limits { $0.iterations = 8 })
  }

  @Test func iterationsAreOfAllLoopsTogether() {
    expectLimit(
      "iterations", "{% for i in range(6) %}{% endfor %}{% for i in range(6) %}{% endfor %}",
      limits { $0.iterations = 11 })
  }

  @Test func steps() throws {
    let script = try PolicyScript.compile("{{ 1 + 2 }}{{ [1, 2, 3]|join }}", name: "x")
    let needed = try script.renderMeasured(ScriptContext(), environment: stillEnvironment()).usage.steps
    #expect(
      try script.render(
        ScriptContext(), limits: limits { $0.steps = needed }, environment: stillEnvironment()) == "3123")
    expectLimit("steps", "{{ 1 + 2 }}{{ [1, 2, 3]|join }}", limits { $0.steps = needed - 1 })
  }

  @Test func output() throws {
    #expect(try rendered("ab{{ 'cd' }}", limits: limits { $0.outputBytes = 4 }) == "abcd")
    expectLimit("output-bytes", "ab{{ 'cd' }}", limits { $0.outputBytes = 3 })
    expectLimit("output-bytes", "abcd", limits { $0.outputBytes = 3 })
  }

  @Test(arguments: [
    "{{ 'ab' * 4 }}", "{{ 'abcd' + 'efgh' }}", "{{ 'abcd' ~ 'efgh' }}", "{{ ['abcd', 'efgh']|join }}",
    "{{ ''.join(['abcd', 'efgh']) }}", "{{ 'abcd'.replace('', '.') }}", "{{ '%8s' % 'a' }}",
    "{{ '{:8}'.format('a') }}",
    "{% set x %}abcdefgh{% endset %}", "{{ 'abcd'|pex_regex_replace('$', 'efgh') }}",
    "{{ [1, 2, 3]|pex_to_json ~ '' }}",
    "{{ [1, 222] ~ '' }}",
  ])
  func text(_ source: String) throws {
    let longest = source.contains("replace('', '.')") || source.contains("json") ? 9 : 8
    #expect(throws: Never.self) { try rendered(source, limits: limits { $0.textBytes = longest }) }
    expectLimit("text-bytes", source, limits { $0.textBytes = longest - 1 })
  }

  @Test(arguments: [
    "{{ [1, 2, 3, 4] }}", "{{ [1] * 4 }}", "{{ [1, 2] + [3, 4] }}", "{{ 'a b c d'.split() }}",
    "{% set l = [1, 2, 3] %}{{ l.append(4) }}", "{% set l = [1, 2] %}{{ l.extend([3, 4]) }}",
    "{{ {1: 1, 2: 2, 3: 3, 4: 4} }}", "{% set d = {1: 1, 2: 2, 3: 3} %}{{ d.update({4: 4}) }}",
  ])
  func elements(_ source: String) throws {
    #expect(throws: Never.self) { try rendered(source, limits: limits { $0.elements = 4 }) }
    expectLimit("elements", source, limits { $0.elements = 3 })
  }

  @Test(arguments: [
    "{{ 2 ** 99 }}", "{{ 2 ** 50 * 2 ** 49 }}", "{{ 2 ** 98 + 2 ** 98 }}", "{{ ('1' + '0' * 30)|int }}",
  ])
  func integers(_ source: String) throws {
    #expect(throws: Never.self) { try rendered(source, limits: limits { $0.integerBits = 101 }) }
    expectLimit("integer-bits", source, limits { $0.integerBits = 98 })
  }

  @Test func hugePowersEndAtOnce() {
    expectLimit("integer-bits", "{{ 10 ** (10 ** 10) }}", ScriptLimits())
    expectLimit("integer-bits", "{{ 7 ** 99999999999999999999999 }}", ScriptLimits())
  }

  @Test func hugeRepetitionsEndAtOnce() {
    expectLimit("text-bytes", "{{ 'a' * 99999999999999999999999 }}", ScriptLimits())
    expectLimit("elements", "{{ [1] * 9223372036854775807 }}", ScriptLimits())
    expectLimit("elements", "{{ (1, 2) * 9223372036854775807 }}", ScriptLimits())
    expectLimit("iterations", "{% for i in range(9223372036854775807) %}{% endfor %}", ScriptLimits())
  }

  @Test func log() throws {
    #expect(try rendered("{{ pex_debug_log('abcd') }}", limits: limits { $0.logBytes = 4 }) == "")
    expectLimit(
      "log-bytes", "{{ pex_debug_log('ab') }}{{ pex_debug_log('abc') }}", limits { $0.logBytes = 4 })
  }

  /// A clock that goes on by a millisecond each time it is read.
  @Test func time() throws {
    let now = Mutex<Int64>(0)
    var environment = stillEnvironment()
    environment.clock = {
      now.withLock {
        $0 += 1
        return .zero + .milliseconds($0)
      }
    }
    let source = "{% for i in range(19000) %}{{ i }}{% endfor %}"
    #expect(failure(source, environment: environment)?.code == "limit-time")
    // Three looks at it: the start, and two of the steps.
    #expect(try rendered("{{ 1 }}", environment: environment) == "1")
  }

  @Test func depthOfValues() {
    let nest = "{% set ns = namespace(l=[]) %}{% for i in range(COUNT) %}{% set ns.l = [ns.l] %}{% endfor %}"
    func source(_ count: Int, _ use: String) -> String {
      nest.split(separator: "COUNT").joined(separator: String(count)) + use
    }
    for use in ["{{ ns.l }}", "{{ ns.l|pex_to_json }}", "{{ ns.l == [ns.l][0] }}"] {
      #expect(failure(source(98, use)) == nil)
    }
    expectLimit("depth", source(100, "{{ ns.l }}"), ScriptLimits())
    expectLimit("depth", source(100, "{{ ns.l|pex_to_json }}"), ScriptLimits())
    // Never written or compared, they can be as deep as they want; freeing them takes no stack.
    #expect(failure(source(5_000, "")) == nil)
  }

  @Test func circles() throws {
    #expect(try rendered("{% set l = [1] %}{{ l.append(l) or '' }}{{ l }}") == "[1, [...]]")
    #expect(try rendered("{% set d = {} %}{{ d.update({'d': d}) or '' }}{{ d }}") == "{'d': {...}}")
    expectLimit("depth", "{% set l = [1] %}{{ l.append(l) or '' }}{{ l|pex_to_json }}", ScriptLimits())
  }

  @Test func growingListEnds() {
    expectLimit(
      "iterations", "{% set l = [1] %}{% for i in l %}{{ l.append(i) }}{% endfor %}", ScriptLimits())
  }

  @Test func patterns() {
    expectLimit(
      "pattern-work", #"{{ ("a" * 40 + "b")|pex_regex_replace("^(a+)+$", "") }}"#, ScriptLimits())
  }

  @Test func textForPatterns() throws {
    let limits = limits { $0.patternTextBytes = 4 }
    #expect(try rendered("{{ 'abcd'|pex_regex_replace('b', '') }}", limits: limits) == "acd")
    expectLimit("pattern-work", "{{ 'abcde'|pex_regex_replace('b', '') }}", limits)
    expectLimit("pattern-work", "{{ pex_regex_search('b', 'abcde') }}", limits)
  }

  /// Values that share their parts have exponentially many of them when written out.
  @Test func sharedParts() {
    let double =
      "{% set ns = namespace(t=(1,), u=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% set ns.u = (ns.u, ns.u) %}{% endfor %}"
    for use in [
      "{{ {ns.t: 1} }}", "{{ {}.get(ns.t) }}", "{{ {}[ns.t] }}", "{{ ns.t in {} }}", "{{ ns.t == ns.u }}",
      "{{ ns.t < ns.u }}",
    ] {
      expectLimit("steps", double + use, ScriptLimits())
    }
    expectLimit("text-bytes", double + "{{ ns.t }}", limits { $0.textBytes = 20_000 })
    expectLimit("text-bytes", double + "{{ ns.t|pex_to_json }}", limits { $0.textBytes = 20_000 })
  }

  /// The search for a long text in one that almost contains it everywhere.
  @Test func longSearch() throws {
    let source =
      "{% set t = 'a' * 200000 %}{{ t.find('a' * 80000 ~ 'b') }} {{ t.count('a' * 17) }} {{ ('ab' * 20) in ('ab' * 19 ~ 'aab' * 20 ~ 'ab' * 20) }}"
    #expect(try rendered(source) == "-1 11764 True")
  }

  @Test func ranges() throws {
    let source =
      "{{ range(9223372036854775807)[1:5] }} {{ range(9223372036854775807)[::-1][0] }} {{ range(9223372036854775807)|last }} {{ range(0, 9)[1::3] }} {{ range(5)[::-2] }}"
    #expect(
      try rendered(source)
        == "range(1, 5) 9223372036854775806 9223372036854775806 range(1, 9, 3) range(4, -1, -2)")
    for source in [
      "{{ range(-9223372036854775808, -9223372036854775800)[::-1] }}",
      "{{ range(0, 9223372036854775807, 2)[::2] }}",
      "{{ range(-9223372036854775808, 9223372036854775807) }}", "{{ range(0, 5, -9223372036854775808) }}",
      "{{ range(3)[::9223372036854775807] }}",
    ] {
      let code = failure(source)?.code
      #expect(code == nil || code == "arithmetic")
    }
  }

  @Test func nestingOfTheScript() throws {
    func nested(_ count: Int) -> String {
      String(repeating: "(", count: count) + "1" + String(repeating: ")", count: count)
    }
    #expect(try rendered("{{ \(nested(70)) }}") == "1")
    #expect(failure("{{ \(nested(5_000)) }}")?.code == "too-deep")
    #expect(failure("{{ 1\(String(repeating: " + 1", count: 149)) }}") == nil)
    #expect(failure("{{ 1\(String(repeating: " + 1", count: 150)) }}")?.code == "too-deep")
    #expect(failure("{{ 1\(String(repeating: "|int", count: 5_000)) }}")?.code == "too-deep")
    #expect(failure("{{ \(String(repeating: "not ", count: 5_000))1 }}")?.code == "too-deep")
    #expect(failure("{{ \(String(repeating: "-", count: 5_000))1 }}")?.code == "too-deep")
    #expect(failure("{% set \(String(repeating: "(", count: 5_000)) %}")?.code == "too-deep")
    func blocks(_ count: Int) -> String {
      String(repeating: "{% if 1 %}", count: count) + String(repeating: "{% endif %}", count: count)
    }
    #expect(failure(blocks(50)) == nil)
    #expect(failure(blocks(51))?.code == "too-deep")
    #expect(failure(blocks(2_000))?.code == "too-deep")
  }

  @Test func lengthOfTheScript() throws {
    let text = String(repeating: "é", count: PolicyScript.maximumLength)
    #expect(try rendered(text) == text)
    #expect(failure(text + "é")?.code == "too-long")
  }

  @Test func lengthOfNumbers() throws {
    #expect(try rendered("{{ \(String(repeating: "9", count: 2_400)) > 1 }}") == "True")
    #expect(failure("{{ \(String(repeating: "9", count: 2_401)) > 1 }}")?.code == "number-too-long")
  }
}
