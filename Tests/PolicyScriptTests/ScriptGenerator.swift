import TestSupport

@testable import PolicyScript

/// Makes random scripts, most of which mean something, from a seed.
struct ScriptGenerator {
  private var random: SplitMix
  private var names: [String] = []
  private var budget = 0

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  static let context: [String: ScriptValue] = [
    "s": "Abc", "n": 7, "z": 0, "f": 2.5, "t": true, "nul": nil, "empty": "", "u": "Grüße, ΣΑΣ ẞ 😀",
    "alias": "sip:meet.bob@example.com", "digits": "0123", "spaced": "  a\tb \n c ",
    "l": ["x", "y", 3, nil], "nested": [[1, 2], ["a", "b"], []],
    "d": ["a": 1, "pin": nil, "t": true, "sub": ["k": "v"]],
    "call_info": [
      "remote_alias": "sip:ann@example.org", "protocol": "sip", "registered": false, "remote_port": 5060,
      "remote_address": "10.1.2.3", "p_asserted_identity": ["\"Ann\"<sip:ann@example.org>"],
    ],
  ]

  private mutating func pick<T>(_ items: [T]) -> T { items[Int(random.next() % UInt64(items.count))] }
  private mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }
  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(random.next() % UInt64(range.count))
  }

  private static let variables = [
    "s", "n", "z", "f", "t", "nul", "empty", "u", "alias", "digits", "spaced", "l", "nested", "d",
    "call_info",
    "missing",
  ]
  private static let numbers = [
    "0", "1", "2", "3", "7", "10", "12", "255", "1_000", "0x1f", "0b101", "12345", "9223372036854775807",
    "18446744073709551616", "0.0", "0.1", "1.5", "2.675", "3.14159", "1e3", "1e16", "1e-5", "123456789.125",
    "1E2",
  ]
  private static let texts = [
    "''", "'a'", "\"b\"", "'abc'", "'ABC def'", "'1'", "'42'", "'3.9'", "' 7 '", "'x'", "'a,b,,c'",
    "'it\\'s'",
    "\"say 'hi'\"", "'tab\\t\\n'", "'\\u00e9\\x41'", "'Ünïcödé'", "'ß'", "'%s'", "'{}'", "'<b>x</b>  y'",
    "'hello world foo'",
    "'\\\\d+'", "'😀 smile'", "'a\\\\1'", "'12e3'", "'-5'", "'0x1F'", "'1_000'", "'\\d'",
  ]

  // MARK: Expressions

  mutating func expression(_ depth: Int = 4) -> String {
    budget += 1
    if depth <= 0 || chance(20) { return atom() }
    switch number(0...17) {
    case 0: return "\(operand(depth)) \(pick(["+", "-", "*", "/", "//", "%"])) \(operand(depth))"
    case 1: return "\(operand(depth)) ~ \(operand(depth))"
    case 2:
      return "\(operand(depth)) \(pick(["==", "!=", "<", "<=", ">", ">="])) \(operand(depth))"
    case 3: return "\(operand(depth)) \(pick(["in", "not in"])) \(operand(depth))"
    case 4: return "\(operand(depth)) \(pick(["and", "or"])) \(operand(depth))"
    case 5: return "not \(operand(depth))"
    case 6: return "\(operand(depth)) if \(operand(depth))" + (chance(70) ? " else \(operand(depth))" : "")
    case 7: return "\(operand(depth))\(filter(depth))"
    case 8: return "\(operand(depth))\(filter(depth))\(filter(depth))"
    case 9: return "(\(operand(depth)) is \(chance(30) ? "not " : "")\(test()))"
    case 10: return "(\(expression(depth - 1)))\(access(depth))"
    case 11: return "(\(expression(depth - 1)))\(method(depth))"
    case 12: return "[\((0..<number(0...3)).map { _ in expression(depth - 1) }.joined(separator: ", "))]"
    case 13:
      let items = (0..<number(0...3)).map { _ in expression(depth - 1) }
      return "(\(items.joined(separator: ", "))\(items.isEmpty ? "" : ","))"
    case 14:
      return
        "{\((0..<number(0...3)).map { _ in "\(operand(1)): \(expression(depth - 1))" }.joined(separator: ", "))}"
    case 15: return function(depth)
    case 16: return "\(pick(["-", "+", "- -"]))\(operand(depth))"
    default:
      // A power of anything else may be complex, or without end.
      return "\(pick(["2", "-3", "10", "1.5", "0"])) ** \(pick(["0", "1", "2", "3", "-1", "5", "0.0"]))"
    }
  }

  private mutating func operand(_ depth: Int) -> String {
    let text = expression(depth - 1)
    // Jinja takes a “not” after an operator for a name.
    return chance(85) || text.hasPrefix("not") ? "(\(text))" : text
  }

  private mutating func atom() -> String {
    switch number(0...9) {
    case 0...3: pick(names.isEmpty ? ScriptGenerator.variables : names + ScriptGenerator.variables)
    case 4, 5: pick(ScriptGenerator.numbers)
    case 6: pick(["true", "False", "none", "None", "True", "false"])
    default: pick(ScriptGenerator.texts)
    }
  }

  private mutating func access(_ depth: Int) -> String {
    switch number(0...6) {
    case 0: ".\(pick(["a", "pin", "nope", "sub", "remote_alias"]))"
    case 1: "[\(pick(["0", "1", "-1", "5", "'a'", "'sub'", "none", "[1]", "true"]))]"
    case 2: "[\(expression(depth - 1))]"
    case 3: "[\(number(-3...3)):]"
    case 4: "[:\(number(-3...3))]"
    case 5: "[\(pick(["", "1", "-2", "none"])):\(pick(["", "3", "-1"])):\(pick(["", "2", "-1", "-2"]))]"
    default: "[\(number(-4...4)):\(number(-4...4))]"
    }
  }

  private mutating func filter(_ depth: Int) -> String {
    let argument = { (generator: inout ScriptGenerator) in generator.expression(min(depth - 1, 1)) }
    switch number(0...30) {
    case 0: return "|abs"
    case 1: return "|capitalize"
    case 2: return "|default(\(argument(&self)))"
    case 3: return "|default(\(argument(&self)), true)"
    case 4: return "|first"
    case 5: return "|float"
    case 6: return "|int"
    case 7: return "|int(\(number(0...9)))"
    case 8: return "|int(0, \(pick(["2", "8", "16", "0", "36"])))"
    case 9: return "|join(\(pick(["''", "','", "', '", "1"])))"
    case 10: return "|last"
    case 11: return "|length"
    case 12: return "|lower"
    case 13: return "|upper"
    case 14: return "|replace(\(pick(["'a'", "''", "'b'", "1", "'ab'"])), \(pick(["'-'", "''", "'xyz'"])))"
    case 15: return "|replace('a', 'Z', \(number(-1...2)))"
    case 16: return "|round"
    case 17: return "|round(\(number(-2...4)))"
    case 18: return "|round(\(number(0...2)), \(pick(["'ceil'", "'floor'", "'common'", "'bad'"])))"
    case 19: return "|striptags"
    case 20: return "|trim"
    case 21: return "|trim(\(pick(["'a'", "'ab '", "'x'"])))"
    case 22: return "|truncate(\(number(3...12)))"
    case 23:
      return
        "|truncate(\(number(3...9)), \(pick(["true", "false"])), \(pick(["'...'", "''", "'+'"])), \(number(0...2)))"
    case 24: return "|pex_to_json"
    case 25: return "|pex_update({\(pick(["'a'", "'pin'", "'new'"])): \(argument(&self))})"
    case 26:
      return
        "|pex_regex_replace(\(pick(ScriptGenerator.patterns)), \(pick(["''", "'-'", "'<\\\\g<0>>'", "'\\\\1'"])))"
    case 27: return "|pex_regex_search(\(pick(ScriptGenerator.patterns)))"
    case 28:
      return
        "|pex_\(pick(["reverse", "strlen", "md5", "hash", "base64", "clean_phone_number", "url_encode", "url_decode"]))"
    case 29: return "|pex_\(pick(["head", "tail"]))(\(number(0...5)))"
    default: return "|format(\(argument(&self)))"
    }
  }

  static let patterns = [
    "'a'", "'^'", "'$'", "'x*'", "'[a-c]+'", "'(a)(b)?'", "'(?P<n>\\\\w+)@'", "'\\\\d+'", "'\\\\s'",
    "'(?i)ABC'",
    "'^(sips?:|h323:)'", "'@.+'", "'\\\\b'", "'[^\\\\w]'", "'(?:b|bc)'", "'.'", "'a{,2}'", "'(x)|(y)'",
    "'\\\\.'",
  ]

  private mutating func test() -> String {
    pick([
      "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false",
      "mapping",
      "sequence", "iterable", "odd", "even", "divisibleby 3", "divisibleby(2)", "lower", "upper",
      "in [1, 'a']",
      "eq 1", "ne('a')", "lt 5", "ge(2)", "equalto 'x'", "sameas none", "sameas(true)",
    ])
  }

  private mutating func method(_ depth: Int) -> String {
    let argument = { (generator: inout ScriptGenerator) in generator.expression(min(depth - 1, 1)) }
    switch number(0...23) {
    case 0: return ".startswith(\(pick(["'a'", "'A'", "('x', 'A')", "''", "'b', 1", "1"])))"
    case 1: return ".endswith(\(pick(["'c'", "('.com', 'c')", "''", "'b', 0, 2"])))"
    case 2: return ".lower()"
    case 3: return ".upper()"
    case 4: return ".strip()"
    case 5: return ".lstrip('Aa ')"
    case 6: return ".rstrip(\(pick(["", "'c'", "none"])))"
    case 7: return ".split()"
    case 8: return ".split(\(pick(["','", "'b'", "none", "''", "' '", "',', 1", "none, 1"])))"
    case 9: return ".replace('a', \(pick(["'b'", "''"])))"
    case 10: return ".replace('', '-', \(number(-1...3)))"
    case 11: return ".find(\(pick(["'b'", "'zz'", "''", "'c', 1", "'b', -2", "'', 9"])))"
    case 12: return ".index(\(pick(["'b'", "'x'", "3"])))"
    case 13: return ".count(\(pick(["'a'", "''", "1", "'a', 1"])))"
    case 14: return ".isdigit()"
    case 15: return ".title()"
    case 16: return ".get(\(pick(["'a'", "'nope'", "'nope', 5", "1", "[1]"])))"
    case 17: return ".keys()"
    case 18: return ".values()"
    case 19: return ".items()"
    case 20: return ".append(\(argument(&self)))"
    case 21: return ".extend(\(argument(&self)))"
    case 22: return ".update({'q': \(argument(&self))})"
    default: return ".pop(\(pick(["'a'", "'a', 0", "'nope', none"])))"
    }
  }

  private mutating func function(_ depth: Int) -> String {
    switch number(0...5) {
    case 0: return "range(\(number(0...5)))"
    case 1: return "range(\(number(-3...3)), \(number(-3...6)), \(pick(["1", "2", "-1", "3", "0"])))"
    case 2: return "dict(a=\(expression(depth - 1)), b=2)"
    case 3:
      return
        "pex_in_subnet(\(pick(["'10.1.2.3'", "call_info.remote_address", "'2001:db8::1'", "'x'"])), ['10.0.0.0/8', '2001:db8::/32'])"
    case 4: return formatted(depth)
    default: return "', '.join([\(operand(depth)), 'a'])"
    }
  }

  private mutating func formatted(_ depth: Int) -> String {
    if chance(50) {
      let flags = pick(["", "-", "+", "0", " ", "#", "+0", "-#"])
      let width = pick(["", "1", "8", "12"])
      let precision = pick(["", ".0", ".2", ".5"])
      return
        "'%\(flags)\(width)\(precision)\(pick(["s", "d", "i", "x", "X", "o", "e", "f", "g", "G", "r", "c", "%", "a"]))|' % \(operand(depth))"
    }
    let specification =
      pick(["", "*<", "^", ">", "0=", "_^"]) + pick(["", "+", " "]) + pick(["", "#"]) + pick(["", "0"])
      + pick(["", "8", "14"]) + pick(["", ",", "_"]) + pick(["", ".0", ".3"])
      + pick(["", "d", "x", "X", "b", "o", "e", "f", "g", "%", "s", "c"])
    return "'{:\(specification)}|{}'.format(\(operand(depth)), 1)"
  }

  // MARK: Templates

  /// A whole script.
  mutating func template() -> String {
    names = []
    budget = 0
    return body(3)
  }

  private mutating func body(_ depth: Int) -> String {
    (0..<number(1...4)).map { _ in statement(depth) }.joined()
  }

  private mutating func open() -> String { pick(["{%", "{%", "{%", "{%-", "{%+"]) }
  private mutating func close() -> String { pick(["%}", "%}", "%}", "-%}"]) }

  private mutating func tag(_ text: String) -> String { "\(open()) \(text) \(close())" }

  private mutating func statement(_ depth: Int) -> String {
    // Loops in loops of long lists take their time, in Python too.
    guard budget < 60 else { return "." }
    switch number(0...(depth > 0 ? 13 : 5)) {
    case 0: return pick(["text ", " \n ", "\n", "é", "{ } ", "%}", "a  ", "\t", "}}", "# x\n"])
    case 1...3: return "\(pick(["{{", "{{", "{{-"])) \(expression(3)) \(pick(["}}", "}}", "-}}"]))"
    case 4: return pick(["{# note #}", "{#- note -#} ", "{# {{ x }} #}\n"])
    case 5: return pick(["{% raw %} {{ x }} {% endraw %}", " {%- raw -%} {% if %} {%- endraw -%} "])
    case 6, 7:
      let name = pick(["v", "w", "x"])
      let text = tag("set \(name) = \(expression(3))")
      names.append(name)
      return text
    case 8:
      let name = pick(["v", "w"])
      let text = tag("set \(name)\(chance(30) ? "|upper" : "")") + body(depth - 1) + tag("endset")
      names.append(name)
      return text
    case 9, 10:
      var text = tag("if \(expression(3))") + body(depth - 1)
      if chance(40) { text += tag("elif \(expression(2))") + body(depth - 1) }
      if chance(60) { text += tag("else") + body(depth - 1) }
      return text + tag("endif")
    case 11: return loop(depth)
    case 12:
      let text = tag("with v = \(expression(2)), q = \(expression(1))")
      names += ["v", "q"]
      return text + body(depth - 1) + tag("endwith")
    default:
      return tag("filter \(pick(["upper", "trim", "replace('a', 'b')|lower", "capitalize"]))")
        + body(depth - 1) + tag("endfilter")
    }
  }

  private mutating func loop(_ depth: Int) -> String {
    let pairs = chance(25)
    let sequence =
      pairs
      ? pick(["d.items()", "nested", "[(1, 2), (3, 4)]", "{'a': 1}.items()"])
      : pick(["l", "range(\(number(0...4)))", "s", "d", "nested", "u", "[]", "missing", expression(2)])
    let condition =
      chance(20) ? " if \(pairs ? "k" : "i") \(pick(["!= 'a'", "is string", "in ['x', 1]"]))" : ""
    var text = tag("for \(pairs ? "k, v" : "i") in \(sequence)\(condition)")
    let outer = names
    names += pairs ? ["k", "v"] : ["i"]
    if chance(50) {
      text +=
        "{{ loop.\(pick(["index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth"])) }}"
    }
    if chance(15) { text += "{{ loop.cycle('o', 'e') }}" }
    if chance(15) { text += "{{ loop.changed(\(pairs ? "k" : "i")) }}" }
    text += body(depth - 1)
    names = outer
    if chance(30) { text += tag("else") + body(depth - 1) }
    return text + tag("endfor")
  }
}
