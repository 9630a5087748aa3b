import Synchronization
import Testing

@testable import PolicyScript

@Suite struct CustomFilterTests {
  static let outputs: [(String, String)] = [
    // SHA-256("abc") begins with ba7816bf8f01cfea414140de5dae2223 (FIPS 180-4, example).
    (#"{{ "abc"|pex_hash }}"#, "247859944228867399418143717509236138531"),
    (#"{{ "abc"|pex_hash|length }} {{ pex_hash("abc") == "abc"|pex_hash }}"#, "39 True"),
    // RFC 1321 A.5
    (
      #"{{ "message digest"|pex_md5 }} {{ ""|pex_md5 }}"#,
      "f96b697d7cb7938d525a2f31aaf161d0 d41d8cd98f00b204e9800998ecf8427e"
    ),
    // RFC 4648 §10
    (
      #"{% for s in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] %}{{ s|pex_base64 }},{% endfor %}"#,
      ",Zg==,Zm8=,Zm9v,Zm9vYg==,Zm9vYmE=,Zm9vYmFy,"
    ),
    (#"{{ "AAECAwQFBgcICQoLDA0ODw=="|pex_to_uuid }}"#, "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    (#"{{ pex_uuid4() }}"#, "01234567-89ab-4def-8123-456789abcdef"),
    (#"{{ ""|pex_uuid4 }}"#, "01234567-89ab-4def-8123-456789abcdef"),
    (
      #"{{ pex_random_pin(3)|length }}{{ ""|pex_random_pin(128)|length }}{{ pex_random_pin(6).isdigit() }}"#,
      "3128True"
    ),
    (
      #"{{ "grün"|pex_head(3) }} {{ "grün"|pex_tail(2) }} {{ "ab"|pex_head(9) }} {{ "ab"|pex_tail(9) }}[{{ "ab"|pex_tail(0) }}]"#,
      "grü ün ab ab[]"
    ),
    (#"{{ "grün"|pex_reverse }} {{ "grün"|pex_strlen }}"#, "nürg 4"),
    (#"{{ "+44 (0)20-7946 0018"|pex_clean_phone_number }}"#, "+4402079460018"),
    (#"{{ "abcd"|pex_require_min_length(4) }}"#, "abcd"),
    (#"{{ "a b/ü~"|pex_url_encode }} {{ "a%20b%2F%c3%bc%zz"|pex_url_decode }}"#, "a%20b%2F%C3%BC~ a b/ü%zz"),
    (#"{{ ["x1", "y2"]|pex_find_first_match("^y") }} {{ pex_find_first_match(["x"], "z") }}"#, "y2 None"),
    (
      #"{{ pex_regex_search("(a)(b)?", "xa") }} {{ pex_regex_search("b", "abc") }} {{ pex_regex_search("z", "a") or "-" }}"#,
      "['a', None] ['b'] -"
    ),
    (#"{{ "sip:ann@x"|pex_regex_search("sip:(.+)@")|first }}"#, "ann"),
    (
      #"{{ {"a": 1}|pex_update({"b": 2}) }} {{ pex_update({"a": 1}, {"a": 3}) }}"#,
      "{'a': 1, 'b': 2} {'a': 3}"
    ),
    (#"{% set a = {"x": 1} %}{% set b = a|pex_update({"x": 2}) %}{{ a.x }}{{ b.x }}"#, "12"),
    (#"[{{ pex_debug_log("a", 1, none) }}{{ "x"|pex_debug_log }}]"#, "[]"),
    // Links as the mail gateways write them.
    (
      #"{{ "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.org%2Fm%3Fa%3D1%26b%3D2&data=05%7C01&reserved=0"|pex_safelinks_decode }}"#,
      "https://example.org/m?a=1&b=2"
    ),
    (
      #"{{ "https://eur01.safelinks.protection.outlook.com/?data=x&amp;url=https%3A%2F%2Fe.org"|pex_safelinks_decode }}"#,
      "https://e.org"
    ),
    (#"{{ "https://example.org/?url=x"|pex_safelinks_decode }}"#, "https://example.org/?url=x"),
    (
      #"{{ "https://urldefense.proofpoint.com/v2/url?u=https-3A__example.org_a-2Db_c&d=DwMF&c=x"|pex_urldefense_decode }}"#,
      "https://example.org/a-b/c"
    ),
    (
      #"{{ "https://urldefense.com/v3/__https://example.org/a?b=1__;!!AbC!x$"|pex_urldefense_decode }}"#,
      "https://example.org/a?b=1"
    ),
    (
      #"{{ "https://urldefense.com/v3/__https:/example.org/*x**Bz__;w6khISE!!AbC!x$"|pex_urldefense_decode }}"#,
      "https://example.org/éx!!!z"
    ),
    (#"{{ "https://example.org/"|pex_urldefense_decode }}"#, "https://example.org/"),
    // Networks.
    (
      #"{{ pex_in_subnet("10.1.2.3", ["10.1.2.99/24"]) }} {{ "10.1.3.3"|pex_in_subnet(["10.1.2.0/24"]) }}"#,
      "True False"
    ),
    (
      #"{{ pex_in_subnet("2001:db8::5", ["10.0.0.0/8", "2001:db8::/32"]) }} {{ pex_in_subnet("::ffff:10.1.2.3", "10.0.0.0/8") }}"#,
      "True True"
    ),
    (
      #"{{ pex_in_subnet("nonsense", ["10.0.0.0/8"]) }} {{ pex_in_subnet(none, ["0.0.0.0/0"]) }} {{ pex_in_subnet(missing, []) }}"#,
      "False False False"
    ),
    (#"{{ pex_in_subnet("10.9.9.9", ["10.0.0.0/255.0.0.0"]) }}"#, "True"),
    // 2026-09-21T14:13:20.123Z
    (
      #"{% set t = pex_now() %}{{ t.year }}-{{ t.month }}-{{ t.day }} {{ t.hour }}:{{ t.minute }}:{{ t.second }}.{{ t.microsecond }}"#,
      "2026-9-21 14:13:20.123000"
    ),
    (
      #"{{ pex_now("Europe/London").hour }} {{ pex_now("America/New_York").hour }} {{ pex_now("Asia/Kolkata").strftime("%H:%M %z") }}"#,
      "15 10 19:43 +0530"
    ),
    (
      #"{{ pex_now("Europe/Berlin") }} {{ pex_now().weekday() }} {{ "UTC"|pex_now }}"#,
      "2026-09-21 16:13:20.123000+02:00 0 2026-09-21 14:13:20.123000+00:00"
    ),
  ]

  @Test(arguments: outputs)
  func output(_ source: String, _ expected: String) throws {
    #expect(try rendered(source) == expected)
  }

  static let errors: [(String, String)] = [
    (#"{{ "abc"|pex_require_min_length(4) }}"#, "not-applied"),
    (#"{{ pex_now("Europe/Nowhere") }}"#, "value"),
    (#"{{ pex_now("../../etc/passwd") }}"#, "value"), (#"{{ "AAEC"|pex_to_uuid }}"#, "value"),
    (#"{{ pex_random_pin(0) }}"#, "value"), (#"{{ pex_random_pin(129) }}"#, "value"),
    (#"{{ "a"|pex_head(-1) }}"#, "value"), (#"{{ none|pex_reverse }}"#, "type"),
    (#"{{ none|pex_regex_replace("a", "b") }}"#, "type"), (#"{{ missing|pex_md5 }}"#, "undefined"),
    (#"{{ "a"|pex_regex_replace("(", "b") }}"#, "pattern"),
    (#"{{ "a"|pex_regex_replace("a", "\\2") }}"#, "pattern"),
    (#"{{ pex_in_subnet("10.0.0.1", ["10.0.0.0/33"]) }}"#, "value"), (#"{{ none|pex_update({}) }}"#, "type"),
    (#"{{ range(3)|pex_to_json }}"#, "type"), (#"{{ {(1, 2): 3}|pex_to_json }}"#, "type"),
  ]

  @Test(arguments: errors)
  func error(_ source: String, _ code: String) throws {
    #expect(failure(source)?.code == code)
  }

  @Test func debugLog() throws {
    let lines = Mutex<[String]>([])
    let environment = stillEnvironment { line in lines.withLock { $0.append(line) } }
    let text = try rendered(
      #"{{ pex_debug_log("a", 1, none, [2]) }}{% if false %}{{ pex_debug_log("b") }}{% endif %}x"#,
      environment: environment)
    #expect(text == "x")
    #expect(lines.withLock { $0 } == ["a,1,None,[2]"])
  }
}
