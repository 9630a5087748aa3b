import Foundation
import TestSupport
import Testing

@testable import PolicyScript

/// Everything here is compared with stock Jinja2.
@Suite struct OracleTests {
  /// Seeds, fixed: a failing case can be run again, and a passing run means the same everywhere. More of them with
  /// `ORACLE_SEEDS=20 swift test --filter OracleTests`.
  static let seeds: [UInt64] = {
    let count = ProcessInfo.processInfo.environment["ORACLE_SEEDS"].flatMap { UInt64($0) } ?? 2
    return Array(1...max(1, count))
  }()

  @Test(arguments: seeds)
  func expressions(_ seed: UInt64) throws {
    var generator = ScriptGenerator(seed: seed)
    let cases = (0..<1_000).map { _ in
      Oracle.Case(source: "{{ \(generator.expression()) }}", context: ScriptGenerator.context)
    }
    let counts = try Oracle.compare(cases, seed: "seed \(seed)")
    // Scripts that fail prove little: enough must give text.
    #expect(counts.outputs > 300 && counts.errors > 50 && counts.limited < 50, "\(counts)")
  }

  @Test(arguments: seeds)
  func templates(_ seed: UInt64) throws {
    var generator = ScriptGenerator(seed: seed &+ 0xabcd)
    let cases = (0..<500).map { _ in
      Oracle.Case(source: generator.template(), context: ScriptGenerator.context)
    }
    let counts = try Oracle.compare(cases, seed: "seed \(seed)")
    #expect(counts.outputs > 75 && counts.limited < 25, "\(counts)")
  }

  /// The table of the language reference is the oracle's own.
  @Test func vectors() throws {
    let sources = SemanticsTests.outputs.map(\.0) + SemanticsTests.errors.map(\.0)
    try Oracle.compare(sources.map { Oracle.Case(source: $0, context: SemanticsTests.context) })
  }

  /// Integers of all sizes, with the operators that have an integer or an exactly rounded result.
  @Test func integers() throws {
    var random = SplitMix(seed: 7)
    func integer() -> String {
      let digits = Int(random.next() % 60) + 1
      var text = String(random.next() % 9 + 1)
      for _ in 1..<max(2, digits) { text += String(random.next() % 10) }
      // Near powers of two, too, where limbs overflow.
      if random.next() % 4 == 0 {
        text = "(2 ** \(random.next() % 140) \(["+", "-"][Int(random.next() % 2)]) \(random.next() % 3))"
      }
      return random.next() % 3 == 0 ? "(-\(text))" : text
    }
    let cases = (0..<500).map { _ in
      let a = integer()
      let b = integer()
      return Oracle.Case(
        source:
          "{{ [\(a) + \(b), \(a) - \(b), \(a) * \(b), \(a) // \(b), \(a) % \(b), \(a) / \(b), \(a) < \(b), "
          + "\(a) == \(b) * 1.0, \(a)|float, \(a)|float|int, \(a)|round(-3), '%x %o %+25d' % (\(a), \(b), \(a)), -\(a)] }}"
      )
    }
    let counts = try Oracle.compare(cases)
    #expect(counts.outputs > 450)
  }

  /// Floats: written, rounded and formatted.
  @Test func floats() throws {
    var random = SplitMix(seed: 8)
    let cases = (0..<500).map { i in
      // All magnitudes, and halves where ties are.
      let value =
        i % 3 == 0
        ? Double(Int(random.next() % 2_000_001) - 1_000_000)
          / Double([2, 4, 8, 20, 100, 1_000][Int(random.next() % 6)])
        : Double(
          sign: .plus, exponent: Int(random.next() % 120) - 60, significand: Double(random.next()) / 1e19 + 1)
      let source = #"""
        {{ x }} {{ -x }} {{ x|round }} {{ x|round(2) }} {{ x|round(-2) }} {{ x|round(1, "ceil") }} {{ x|round(0, "floor") }}
        {{ x|int }} {{ "%.3f %e %g %012.1f %+d" % (x, x, x, x, x) }} {{ "{:,.2f} {:.3} {:g} {:10.4e} {:%}".format(x, x, x, x, x) }}
        {{ x // 0.3 }} {{ x % 0.7 }} {{ -x // 7 }} {{ x ** 2 }} {{ [x]|pex_to_json }}
        """#
      return Oracle.Case(source: source, context: ["x": .number(value)])
    }
    let counts = try Oracle.compare(cases)
    #expect(counts.outputs == 500)
  }

  /// Regular expressions, Python's beside ours.
  @Test func patterns() throws {
    let patterns = [
      "a", "", "^", "$", "a*", "a+?", "(a)|(b)", "(?P<x>a)(?P=x)", "(?i)A", "(?s)a.b", "(?m)^b",
      "(?x) a b # c", "[]a]",
      "[^]a]", "[[:alpha:]]", "[a-c-]", "\\d+", "\\D", "\\w+", "\\W", "\\s+", "\\S+", "\\bb", "\\Bb", "\\Ab",
      "b\\Z",
      "a{2}", "a{,2}", "a{1,}", "a{", "a{x}", "{,2}", "(?:ab)+", "(?=b)", "(?!b)", "(?<=a)b", "(?<!a)b",
      "(?#x)a", "(a)(?(1)b|c)",
      "\\x41", "\\u00e9", "\\101", "(a)\\1", "\\0", "[\\b]", "[\\d_]", ".", "é", "[é-ü]", "(?i)É", "a|ab",
      "(a|ab)(c|bcd)",
      "\\.", "\\-", "\\@", "a.b", "\\n", "(?>a+)b", "a++b", "((a)(b))?", "\\v", "(?a)\\w", "(?i:A)b",
      // What Python refuses.
      "(", ")", "[", "a)", "*a", "a**", "(?P<1>a)", "(?P<x>a)(?P<x>b)", "(?P=y)", "\\2", "\\q", "\\z", "\\K",
      "\\R", "\\h",
      "\\Qa\\E", "(?R)", "(?1)", "(?|a)", "(?'x'a)", "(*UTF)a", "(?C1)", "a(?i)", "\\xg", "\\u12", "\\400",
      "[z-a]", "(?<=a*)b",
    ]
    let subjects = [
      "", "a", "b", "ab", "aab", "aaab abab", "abcd", "A-B_c", "line\nb\n", "b\n", "é ü É", "x41A {,2} a{x}",
      "[:alpha:]", "1 23", "a.b@c\\d",
      "\u{b}v", "\u{0}",
    ]
    var cases: [Oracle.Case] = []
    for pattern in patterns {
      let source =
        #"{% for s in subjects %}{{ s|pex_regex_replace(p, "<\\g<0>>")|pex_to_json }}{{ pex_regex_search(p, s) }};{% endfor %}"#
      cases.append(
        Oracle.Case(
          source: source, context: ["p": .string(pattern), "subjects": .list(subjects.map { .string($0) })]))
    }
    let counts = try Oracle.compare(cases)
    #expect(counts.outputs > 55 && counts.errors > 20, "\(counts)")
  }

  /// Times in zones of all kinds, through a hundred years.
  @Test func times() throws {
    var random = SplitMix(seed: 9)
    let zones = [
      "UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata",
      "Australia/Lord_Howe",
      "Pacific/Auckland", "Asia/Tehran", "Africa/Casablanca", "America/St_Johns", "Pacific/Apia", "Etc/GMT+5",
      "Europe/Dublin",
    ]
    let cases = (0..<280).map { i in
      let zone = zones[i % zones.count]
      let source = #"""
        {% set t = pex_now("\#(zone)") %}{{ t }} {{ t.year }} {{ t.hour }} {{ t.minute }} {{ t.weekday() }} {{ t.isoweekday() }} {{ t.isoformat() }}
        {{ t.strftime("%a %A %w %u %d %b %B %m %y %Y %H %I %p %M %S %f %z %Z %j %U %W %G %V %F %T %R %D %c %x %X %% %h") }}
        """#
      return Oracle.Case(source: source, clock: Int(random.next() % 3_155_760_000))
    }
    let counts = try Oracle.compare(cases)
    #expect(counts.outputs == 280)
  }
}
