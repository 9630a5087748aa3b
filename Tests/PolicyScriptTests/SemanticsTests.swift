import Testing

@testable import PolicyScript

/// The table of the language reference, made with stock Jinja2.
@Suite struct SemanticsTests {
  static let context: [String: ScriptValue] = [
    "s": "Abc", "n": 7, "d": ["a": 1, "pin": nil, "t": true], "l": ["x", "y"], "nul": nil,
    "sc": ["name": "A", "pin": "12"],
  ]

  static let outputs: [(String, String)] = [
    ("{{ nul }}", "None"),
    ("{{ true }} {{ False }}", "True False"),
    ("{{ missing }}", ""), ("{{ d.nope }}", ""), ("{{ nul.x }}", ""), ("{{ l[5] }}", ""),
    (#"{{ missing == none }} {{ missing == "" }} {{ not missing }}"#, "False False True"),
    ("{{ missing|length }}", "0"), ("{{ missing|lower }}", ""),
    ("{{ 7/2 }} {{ 8/2 }} {{ 7//2 }} {{ 7%3 }} {{ 2**3 }} {{ -7//2 }} {{ -7%3 }}", "3.5 4.0 3 1 8 -4 2"),
    (#"{{ 1+2 }} {{ "a"+"b" }} {{ "a"~1 }} {{ "a"*3 }} {{ [1]+[2] }}"#, "3 ab a1 aaa [1, 2]"),
    (
      "{{ ['a', 1, None, True, 1.0] }} {{ {'a': 'b'} }} {{ (1,) }}",
      "['a', 1, None, True, 1.0] {'a': 'b'} (1,)"
    ),
    (#"{{ 'a\\1' }}"#, #"a\1"#), (#"{{ '\d' }}"#, #"\d"#), (#"{{ 'a\1b'|pex_to_json }}"#, #""a\u0001b""#),
    (#"{{ '\u00e9' }}"#, "é"),
    (
      #"{{ "12345"|int + 1 }} {{ "x"|int }} {{ "x"|int(5) }} {{ 3.9|int }} {{ "3.9"|int }}"#,
      "12346 0 5 3 3"
    ),
    ("{{ 3.14159|round(2) }} {{ 2.5|round }} {{ 3.5|round|int }}", "3.14 2.0 4"),
    ("{{ d|pex_to_json }}", #"{"a": 1, "pin": null, "t": true}"#),
    (
      #"{{ sc|pex_update({"pin":"","x":[1,(2,3)]})|pex_to_json }}"#,
      #"{"name": "A", "pin": "", "x": [1, [2, 3]]}"#
    ),
    (#"{{ "meet.bob@x.com"|pex_regex_replace("^meet\\.(.*)@.*$", "\\1") }}"#, "bob"),
    (#"{{ "abc"|pex_regex_replace("x*","-") }}"#, "-a-b-c-"),
    (
      #"{{ nul|default("z") }} {{ nul|default("z", true) }} {{ missing|default("z") }} {{ ""|default("z",true) }}"#,
      "None z z z"
    ),
    ("{{ missing is defined }} {{ nul is defined }} {{ nul is none }}", "False True True"),
    ("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2"),
    ("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1"),
    ("{% set ns = namespace(v=0) %}{% for i in [1,2] %}{% set ns.v = ns.v + i %}{% endfor %}{{ ns.v }}", "3"),
    ("{% for i in l %}{{ loop.index }}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "1x,2y"),
    ("{% for k, v in d.items() %}{{k}}={{v}};{% endfor %}", "a=1;pin=None;t=True;"),
    ("a {%- if true %} b {% endif -%} c", "a b c"),
    (
      #"{{ "abc".startswith(("x","a")) }} {{ "a,b".split(",") }} {{ " a ".strip() }} {{ "abc".find("c") }}"#,
      "True ['a', 'b'] a 2"
    ),
    (#"{{ "abc"[-1] }} {{ "abc"[1:] }} {{ "abc"[::-1] }}"#, "c bc cba"),
    (#"{{ l.extend(["z"]) or "" }}{{ l }}"#, "['x', 'y', 'z']"), (#"{{ l.append("q") }}"#, "None"),
    (
      #"{{ "b" in "abc" }} {{ "a" in d }} {{ ("a","b") in [("a","b")] }} {{ 1 in (1,2) }}"#,
      "True True True True"
    ),
    (
      #"{{ 1 == 1.0 }} {{ "1" == 1 }} {{ True == 1 }} {{ None == "" }} {{ 1 < 2 < 3 }}"#,
      "True False True False True"
    ),
    (#"{{ "yes" if false }}"#, ""), (#"{{ 0 or "d" }}"#, "d"), (#"{{ "a" and "b" }}"#, "b"),
    (#"{{ "%s-%02d"|format("a",5) }}"#, "a-05"),
    (#"{{ "hello world foo"|truncate(8) }}"#, "hello..."),
    (#"{{ "hello world"|truncate(7,true,"") }}"#, "hello world"), (#"{{ "hello"|truncate(5) }}"#, "hello"),
    (#"{{ "<b>a</b>  c"|striptags }}"#, "a c"), (#"{{ "hELLO wORLD"|capitalize }}"#, "Hello world"),
    (#"{{ "aXbX"|replace("X","-",1) }}"#, "a-bX"),
    ("{{ []|first }}", ""), (#"{{ range(3)|join(",") }}"#, "0,1,2"), (#"{{ "xxaxx"|trim("x") }}"#, "a"),
    ("{{ 0.1+0.2 }} {{ 1e3 }} {{ 1e16 }} {{ 1/3 }}", "0.30000000000000004 1000.0 1e+16 0.3333333333333333"),
  ]

  @Test(arguments: outputs)
  func output(_ source: String, _ expected: String) throws {
    #expect(try rendered(source, SemanticsTests.context) == expected)
  }

  static let errors: [(String, String)] = [
    ("{{ missing.x }}", "undefined"), ("{{ d.nope.x }}", "undefined"), ("{{ nul.x.y }}", "undefined"),
    (#"{{ nul.get("x") }}"#, "type"), ("{{ missing + 1 }}", "undefined"), ("{{ missing|int }}", "undefined"),
    ("{{ missing|pex_to_json }}", "undefined"), (#"{{ "a"+1 }}"#, "type"), (#"{{ 1 < "a" }}"#, "type"),
    ("{{ 1/0 }}", "arithmetic"), ("{% if a b %}x{% endif %}", "unexpected-token"),
    ("{% foo %}", "unknown-tag"),
    ("{{ 1|nofilter }}", "unknown-filter"), ("{{ 1 is notest }}", "unknown-test"),
    ("{% if true %}x", "unclosed-block"), (#"{{ "abc }}"#, "unclosed-string"),
  ]

  @Test(arguments: errors)
  func error(_ source: String, _ code: String) throws {
    #expect(failure(source, SemanticsTests.context)?.code == code)
  }
}
