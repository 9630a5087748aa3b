import Testing

@testable import PolicyScript

@Suite struct DiagnosticTests {
  /// What is shown of a script: `line:column: severity: message [code]`.
  private func findings(_ source: String, variables: Set<String>? = nil) -> [String] {
    PolicyScript.check(source, name: "s", variables: variables).map { diagnostic in
      String(diagnostic.description.dropFirst(2)) + (diagnostic.suggestion.map { " help: \($0)" } ?? "")
    }
  }

  static let compileErrors: [(String, String)] = [
    (
      "{{ 1|pex_tojson }}",
      "1:6: error: unknown filter “pex_tojson” [unknown-filter] help: did you mean “pex_to_json”?"
    ),
    ("{{ [1]|sort }}", "1:8: error: the filter “sort” is not available in policy scripts [unknown-filter]"),
    (
      "a\nb {{ x is defind }}",
      "2:11: error: unknown test “defind” [unknown-test] help: did you mean “defined”?"
    ),
    ("{% esle %}", "1:4: error: unknown tag “esle” [unknown-tag]"),
    ("{% macro a() %}", "1:4: error: the tag “macro” is not available in policy scripts [unavailable-tag]"),
    (
      "{% do x %}",
      "1:4: error: the tag “do” is not available in policy scripts [unavailable-tag] help: write {{ expression or \"\" }}"
    ),
    ("{% if x %}\ny", "1:4: error: this “if” block does not end; expected {% endif %} [unclosed-block]"),
    (
      "{% if x %}{% for i in x %}{% endif %}",
      "1:14: error: this “for” block does not end before an outer block does; expected {% endfor %}, found “endif” [unclosed-block]"
    ),
    ("{% endif %}", "1:4: error: “endif” closes nothing [unexpected-tag]"),
    (
      "{% if x %}{% endfor %}{% endif %}",
      "1:14: error: “endfor” does not belong here; expected “elif” or “else” or “endif” [unexpected-tag]"
    ),
    ("{{ a b }}", "1:6: error: unexpected “b”; expected the end of the tag [unexpected-token]"),
    ("{{ }}", "1:4: error: unexpected the end of the expression; expected an expression [unexpected-token]"),
    ("{{ 'abc }}", "1:4: error: this text does not end; expected “'” [unclosed-string]"),
    ("{{ (1 }}", "1:7: error: brackets do not match; expected “)”, found “}” [unbalanced-bracket]"),
    ("{{ 1", "1:1: error: this tag does not end; expected “}}” [unclosed-tag]"),
    ("{# x", "1:1: error: this comment does not end; expected “#}” [unclosed-comment]"),
    ("{% raw %}x", "1:1: error: this “raw” block does not end; expected {% endraw %} [unclosed-block]"),
    ("{{ a && b }}", "1:6: error: “&” has no meaning here [unexpected-character] help: write “and”"),
    (
      "{{ x.__class__ }}",
      "1:6: error: attributes that begin with an underscore are not available, found “__class__” [private-attribute] help: write [\"__class__\"] for the key of a dictionary"
    ),
    (
      "{{ '\\x4' }}",
      "1:5: error: this escape needs 2 hexadecimal digits [bad-escape] help: write \\\\ for a backslash"
    ),
    ("{% set true = 1 %}", "1:8: error: “true” cannot be assigned to [unexpected-token]"),
    ("{% set a.b.c = 1 %}", "1:11: error: unexpected “.”; expected “=” [unexpected-token]"),
    ("{% for x of y %}{% endfor %}", "1:10: error: unexpected “of”; expected “in” [unexpected-token]"),
    (
      "{{ f(a=1, 2) }}",
      "1:11: error: arguments stand in the wrong order; expected plain arguments before named ones, *list and **dict at the end [bad-arguments]"
    ),
    (
      "é {{ é| }}",
      "1:9: error: unexpected the end of the expression; expected the name of a filter [unexpected-token]"
    ),
  ]

  @Test(arguments: compileErrors)
  func compileError(_ source: String, _ expected: String) {
    #expect(findings(source) == [expected])
    #expect(throws: ScriptDiagnostics.self) { try PolicyScript.compile(source, name: "s") }
  }

  /// Stock filters that policy scripts do not have (routing reference §19.2): each is an error by name, not an empty text.
  @Test(arguments: [
    "attr", "batch", "center", "dictsort", "escape", "e", "filesizeformat", "forceescape", "groupby",
    "indent", "items",
    "list", "map", "max", "min", "pprint", "random", "reject", "rejectattr", "reverse", "safe", "select",
    "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "unique", "urlencode", "urlize",
    "wordcount",
    "wordwrap", "xmlattr",
  ])
  func otherStockFiltersAreErrors(_ filter: String) {
    #expect(
      findings("{{ x|\(filter) }}") == [
        "1:6: error: the filter “\(filter)” is not available in policy scripts [unknown-filter]"
      ])
  }

  @Test func allErrorsAtOnce() {
    let source = """
      {% set a = 1|foo %}
      {% if a b %}{{ c|bar }}{% else %}
      {{ 'x }}
      {{ y is odd_ }}{% endif %}
      {% nothing %} {{ ok }}
      """
    #expect(
      findings(source).map { String($0.prefix { $0 != " " }) } == [
        "1:14:", "2:9:", "2:18:", "3:4:", "4:9:", "5:4:",
      ])
  }

  @Test func warnings() {
    let source = """
      {% set mine = 1 %}{{ mine }}{{ call_inf.x }}
      {{ call_info.remote_alias.startwith("a") }}{{ pex_nwo() }}
      {{ "a"|pex_head }}{{ "a"|pex_regex_replace("(", "") }}
      {% for i in [1] %}{{ i }}{{ loop.index }}{% endfor %}{{ loop }}
      """
    #expect(
      findings(source, variables: ["call_info"]) == [
        "1:32: warning: unknown variable “call_inf” is undefined [unknown-variable] help: did you mean “call_info”?",
        "2:27: warning: no value has a method “startwith” in policy scripts [unknown-method] help: did you mean “startswith”?",
        "2:47: warning: unknown function “pex_nwo” [unknown-function] help: did you mean “pex_now”?",
        "2:47: warning: unknown variable “pex_nwo” is undefined [unknown-variable] help: did you mean “pex_now”?",
        "3:8: warning: “pex_head” needs its argument “count” [bad-arguments]",
        "3:44: warning: the regular expression cannot be used: missing closing parenthesis [bad-pattern]",
        "4:57: warning: unknown variable “loop” is undefined [unknown-variable]",
      ])
    // None of them keeps it from running: the lines may never be reached.
    #expect(throws: Never.self) { try PolicyScript.compile(source, name: "s") }
  }

  static let runtimeErrors: [(String, String)] = [
    ("\n\n  {{ call.x }}", "3:11: error: “call” is undefined [undefined]"),
    ("{{ {'a': 1}.b.c }}", "1:15: error: dict has no attribute “b” [undefined]"),
    ("{{ 'a' + 1 }}", "1:8: error: + cannot be applied to a str and a int [type]"),
    ("{{ 'a'.lowre() }}", "1:8: error: str has no method “lowre” [type]"),
    ("{{ 1 // 0 }}", "1:6: error: division by zero [arithmetic]"),
    ("{% for a, b in [(1, 2, 3)] %}{% endfor %}", "1:8: error: 2 names cannot take 3 values [value]"),
    ("{{ none|length }}", "1:9: error: None has no length [type]"),
    (
      "{% set l = [] %}{% set l.x = 1 %}",
      "1:24: error: attributes can only be set on a namespace, found a list [type]"
    ),
    (
      "{{ 'a'|truncate(2) }}",
      "1:8: error: the length must not be less than that of the end, and the leeway not below 0 [value]"
    ),
    ("{{ 5(1) }}", "1:5: error: int 5 cannot be called [type]"),
    ("{% for i in 5 %}{% endfor %}", "1:4: error: a int cannot be gone through [type]"),
  ]

  @Test(arguments: runtimeErrors)
  func runtimeError(_ source: String, _ expected: String) {
    #expect(failure(source).map { String($0.description.dropFirst("test.j2:".count)) } == expected)
  }

  @Test func excerpt() {
    let diagnostic = failure("one\n\t{{ nul.x.y }}", ["nul": nil])
    #expect(
      diagnostic?.excerpt == """
        test.j2:2:11: error: None has no attribute “x” [undefined]
          2 |  {{ nul.x.y }}
            |           ^
          help: test with “is defined”, or give a value with |default(...)
        """)
  }

  @Test func findingsAreBounded() {
    #expect(findings(String(repeating: "{{ 1|no }}\n", count: 1_000)).count == DiagnosticCollector.maximum)
  }
}
