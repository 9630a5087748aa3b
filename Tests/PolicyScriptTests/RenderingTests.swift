import CallModel
import JSONText
import Synchronization
import Testing

@testable import PolicyScript

@Suite struct RenderingTests {
  /// One rendering leaves nothing behind for the next.
  @Test func runsAreIndependent() throws {
    let script = try PolicyScript.compile(
      "{% set x = x|default(0) + 1 %}{{ l.append(x) or '' }}{{ l }}{{ d.update({'n': x}) or '' }}{{ d }}",
      name: "s")
    let context = ScriptContext(["l": [], "d": [:]])
    for _ in 0..<3 {
      #expect(try script.render(context, environment: stillEnvironment()) == "[1]{'n': 1}")
    }
  }

  @Test func readOnlyFacts() throws {
    let context = ScriptContext(
      ["call_info": ["a": 1, "l": [1], "sub": [:]], "other": [1]], readOnly: ["call_info"])
    for change in [
      "call_info.update({'a': 2})", "call_info.pop('a')", "call_info.l.append(2)", "call_info.l.extend([])",
      "call_info.sub.update(x=1)",
    ] {
      let script = try PolicyScript.compile("{{ \(change) }}", name: "s")
      #expect {
        try script.render(context, environment: stillEnvironment())
      } throws: { ($0 as? ScriptError)?.kind == .readOnly }
    }
    let copy = try PolicyScript.compile(
      "{{ call_info|pex_update({'a': 2}) }}{{ other.append(1) }}", name: "s")
    #expect(try copy.render(context, environment: stillEnvironment()) == "{'a': 2, 'l': [1], 'sub': {}}None")
  }

  /// The proof that a compiled script can be shared: many threads, one script, patterns and all.
  @Test func manyThreads() async throws {
    let script = try PolicyScript.compile(
      "{% for i in range(20) %}{{ alias|pex_regex_replace('\\\\d+', '<' ~ i ~ n ~ '>') }}{{ pex_regex_search('b(' ~ n ~ ')?', alias) }}{% endfor %}",
      name: "s")
    let expected = try (0..<8).map { n in
      try script.render(
        ScriptContext(["n": .integer(n), "alias": .string("a12b\(n)")]), environment: stillEnvironment())
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for n in 0..<8 {
        group.addTask {
          for _ in 0..<20 {
            let text = try script.render(
              ScriptContext(["n": .integer(n), "alias": .string("a12b\(n)")]), environment: stillEnvironment()
            )
            #expect(text == expected[n])
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// What is equal to Swift's `String`, and is not the same text.
  @Test func textsAreCodePoints() throws {
    let context: [String: ScriptValue] = ["composed": "\u{e9}", "decomposed": "e\u{301}"]
    #expect(
      try rendered("{{ composed == decomposed }} {{ decomposed|length }} {{ decomposed[0] }}", context)
        == "False 2 e")
    #expect(try rendered("{{ {composed: 1}.get(decomposed) }}", context) == "None")
    #expect(try rendered("{{ '👩‍👩‍👧'|length }} {{ '\r\n'|length }} {{ 'a\r\nb' }}") == "5 1 a\nb")
  }

  @Test func lineEnds() throws {
    #expect(try rendered("a\r\nb\rc\n") == "a\nb\nc")
    #expect(try rendered("a\n\n") == "a\n")
    #expect(failure("a\r\nb\r{{ x.y }}")?.line == 3)
  }

  @Test func manyKeys() throws {
    let source = """
      {% set d = {} %}{% for i in range(100) %}{{ d.update({'k' ~ i: i}) or '' }}{% endfor %}\
      {% for i in range(0, 100, 2) %}{{ d.pop('k' ~ i) and '' or '' }}{% endfor %}\
      {{ d|length }} {{ d.k1 }} {{ d.k2 is defined }} {{ d['k99'] }} {{ d.keys()|first }} {{ d.keys()|last }}
      """
    #expect(try rendered(source) == "50 1 False 99 k1 k99")
  }

  @Test func values() throws {
    let value: ScriptValue = ["a": [1, 2.5, nil, true, "é\n"], "b": [:]]
    #expect(value.jsonText == #"{"a": [1, 2.5, null, true, "\u00e9\n"], "b": {}}"#)
    #expect(ScriptValue(try JSONReader.read(value.jsonText).value) == value)
    #expect(try rendered("{{ v|pex_to_json }}", ["v": value]) == value.jsonText)
    #expect(ScriptValue.object(["a": 1, "b": 2]) == ScriptValue.object(["b": 2, "a": 1]))
    #expect(Set([ScriptValue.object(["a": 1, "b": 2]), ScriptValue.object(["b": 2, "a": 1])]).count == 1)
    var object: ScriptObject = ["a": 1, "b": 2, "c": 3]
    object["b"] = nil
    object["a"] = 4
    #expect(object.keys == ["a", "c"] && object["c"] == 3 && object["a"] == 4)
  }
}

@Suite struct ScriptAnswerTests {
  private func answer(_ text: String, _ kind: ScriptKind = .service) -> String {
    do throws(ScriptDiagnostic) {
      let answer = try ScriptAnswer.read(text, of: "s", kind: kind)
      return
        "\(answer.action.rawValue) \(answer.result.map { $0.members.map(\.key).joined(separator: ",") } ?? "-")"
    } catch {
      return String(error.description.dropFirst("output of s:".count))
        + (error.suggestion.map { " help: \($0)" } ?? "")
    }
  }

  @Test func accepted() {
    #expect(
      answer(
        "\n\n {\"action\": \"continue\", \"result\": {\"name\": \"x\", \"pin\": \"1\"}, \"status\": \"success\"}\n"
      ) == "continue name,pin")
    #expect(answer("{\"action\": \"reject\", \"result\": {}}") == "reject ")
    #expect(
      answer("{\"action\": \"redirect\", \"result\": {\"new_alias\": \"sip:a\"}}") == "redirect new_alias")
    #expect(answer("{}") == "continue -")
    #expect(answer("{\"action\": null, \"result\": null}") == "continue -")
    #expect(answer("\u{feff}{\"action\": \"reject\"}", .participant) == "reject -")
    #expect(
      answer("{\"result\": {\"location\": \"A\"}, \"action\": \"whatever\"}", .location)
        == "continue location")
  }

  @Test func refused() {
    #expect(answer("") == "1:1: error: the output is no JSON: the text is empty [bad-json]")
    #expect(
      answer("[]")
        == "1:1: error: the output is no JSON object; expected an object, found a list [bad-answer]")
    #expect(
      answer("{\"action\": \"rejct\"}")
        == "1:12: error: unknown action “rejct”; expected “continue” or “redirect” or “reject” [bad-answer] help: did you mean “reject”?"
    )
    #expect(
      answer("{\"action\": \"redirect\"}", .participant)
        == "1:12: error: unknown action “redirect”; expected “continue” or “reject” [bad-answer]")
    #expect(answer("{\"action\": 1}") == "1:12: error: the action is no text, found a number [bad-answer]")
    #expect(answer("{\"result\": []}") == "1:12: error: the result is no object, found a list [bad-answer]")
    #expect(answer("{}", .location) == "1:1: error: the result is missing [bad-answer]")
    #expect(
      answer("{\n \"result\": {'a': None}}")
        == "2:13: error: the output is no JSON: expected a key [bad-json] help: write values with |pex_to_json"
    )
    #expect(answer("{\"result\": {\"a\": None}}").hasSuffix("help: write values with |pex_to_json"))
  }
}
