import JSONText
import Testing

@Suite struct JSONReaderTests {
  private func value(_ text: String) throws -> JSONValue { try JSONReader.read(text).value }

  @Test func scalars() throws {
    #expect(try value("null") == .null)
    #expect(try value(" true ") == .boolean(true))
    #expect(try value("false\n") == .boolean(false))
    #expect(try value("0") == .integer(0))
    #expect(try value("-9223372036854775808") == .integer(.min))
    #expect(try value("9223372036854775808") == .number(9_223_372_036_854_775_808))
    #expect(try value("-0.5e+2") == .number(-50))
    #expect(try value("1E3") == .number(1000))
    #expect(try value(#""a\"\\\/\b\f\n\r\tå\u00e5\ud83d\ude00""#) == .string("a\"\\/\u{8}\u{c}\n\r\tåå😀"))
    #expect(try value(#""\u0000""#) == .string("\0"))
  }

  @Test func positions() throws {
    let text = "{\"a\": [1,\n  {\"b\": null}]}"
    guard case .object(let top) = try value(text), case .array(let items)? = top["a"]?.value,
      case .object(let inner) = items[1].value
    else { return #expect(Bool(false), "wrong shape") }
    #expect(top.members[0].offset == 1)
    #expect(top["a"]?.offset == 6)
    #expect(items.map(\.offset) == [7, 12])
    #expect(inner["b"]?.offset == 18)
    #expect(JSONReader.place(of: 18, in: Array(text.utf8)) == (2, 9))
  }

  @Test func lastOfARepeatedKeyCounts() throws {
    guard case .object(let object) = try value(#"{"a":1,"b":2,"a":3}"#) else { return #expect(Bool(false)) }
    #expect(object["a"]?.value == .integer(3))
    #expect(object.members.count == 3)
    #expect(object.lastMembers.map(\.key) == ["b", "a"])
  }

  @Test func byteOrderMarkIsPassedOver() throws {
    #expect(try JSONReader.read([0xef, 0xbb, 0xbf] + Array("[]".utf8)).value == .array([]))
  }

  @Test(arguments: [
    ("", JSONError.Reason.empty, 1, 1), ("  ", .empty, 1, 3),
    ("hello", .unexpected(expected: "a value"), 1, 1), ("nul", .unexpected(expected: "a value"), 1, 1),
    ("{} x", .unexpected(expected: "the end of the text"), 1, 4),
    ("[1,]", .unexpected(expected: "a value"), 1, 4), ("[1", .endOfText(expected: "“,” or “]”"), 1, 3),
    ("[1 2]", .unexpected(expected: "“,” or “]”"), 1, 4),
    ("{\"a\":1,}", .unexpected(expected: "a key"), 1, 8), ("{a:1}", .unexpected(expected: "a key"), 1, 2),
    ("{", .endOfText(expected: "a key"), 1, 2), ("{\"a\"", .endOfText(expected: "“:”"), 1, 5),
    ("{\"a\" 1}", .unexpected(expected: "“:”"), 1, 6), ("{\"a\":", .endOfText(expected: "a value"), 1, 6),
    ("{\"a\":1", .endOfText(expected: "“,” or “}”"), 1, 7),
    ("{\"a\":1 \"b\":2}", .unexpected(expected: "“,” or “}”"), 1, 8),
    ("\n\n 01", .invalidNumber, 3, 2), ("-", .invalidNumber, 1, 1), ("1.", .invalidNumber, 1, 1),
    ("1e", .invalidNumber, 1, 1), (".5", .unexpected(expected: "a value"), 1, 1),
    ("+1", .unexpected(expected: "a value"), 1, 1), ("1e400", .numberTooLarge, 1, 1),
    ("NaN", .unexpected(expected: "a value"), 1, 1),
    ("\"a", .endOfText(expected: "the end of the string"), 1, 1), ("\"a\nb\"", .controlCharacter, 1, 3),
    (#""\x""#, .invalidEscape, 1, 2), (#""\u12g4""#, .invalidEscape, 1, 2),
    (#""\u12"#, .endOfText(expected: "four hexadecimal digits"), 1, 6),
    (#""\"#, .endOfText(expected: "an escape sequence"), 1, 3),
    (#""\ud800""#, .unpairedSurrogate, 1, 2), (#""\ud800\u0041""#, .unpairedSurrogate, 1, 2),
    (#""\ude00""#, .unpairedSurrogate, 1, 2), ("'a'", .unexpected(expected: "a value"), 1, 1),
    ("{'status':'success'}", .unexpected(expected: "a key"), 1, 2),
  ])
  func faults(_ text: String, _ reason: JSONError.Reason, _ line: Int, _ column: Int) {
    do {
      let node = try JSONReader.read(text)
      #expect(Bool(false), "\(text) was read as \(node)")
    } catch {
      #expect(error.reason == reason)
      #expect(error.line == line)
      #expect(error.column == column)
      #expect(!error.description.isEmpty)
    }
  }

  @Test func otherEncodingsAreFaults() {
    #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xe5, 0x22]) }
    #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0x5c, 0x6e, 0xe5, 0x22]) }
    #expect(throws: JSONError.self) { try JSONReader.read("{}".utf16.flatMap { [UInt8($0 & 255), 0] }) }
  }

  @Test func limitsHoldAtTheLimit() throws {
    func reason(_ text: String, _ limits: JSONReader.Limits) -> JSONError.Reason? {
      do {
        _ = try JSONReader.read(text, limits: limits)
        return nil
      } catch { return error.reason }
    }
    #expect(reason("[1,2]", .init(bytes: 5)) == nil)
    #expect(reason("[1,22]", .init(bytes: 5)) == .textTooLong(limit: 5))
    #expect(reason("[[[]]]", .init(depth: 3)) == nil)
    #expect(reason("[[{\"a\":[]}]]", .init(depth: 3)) == .tooDeep(limit: 3))
    #expect(reason("[1,{\"a\":2}]", .init(values: 4)) == nil)
    #expect(reason("[1,{\"a\":2},3]", .init(values: 4)) == .tooManyValues(limit: 4))
    #expect(reason(String(repeating: "[", count: 1_000_000), .init()) == .tooDeep(limit: 64))
    #expect(reason(String(repeating: "{\"a\":", count: 100_000), .init()) == .tooDeep(limit: 64))
  }

  /// No text, however damaged, does more than be refused.
  @Test func damagedTextsNeverTrap() {
    let text = Array(#"{"a":[1,-2.5e3,"x\u00e5\ud83d\ude00",true,null,{"b":{}}],"c":"å"}"#.utf8)
    var state: UInt64 = 88_172_645_463_325_252
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    var refused = 0
    for _ in 0..<20_000 {
      var damaged = text
      for _ in 0...(next() % 3) {
        let i = Int(next() % UInt64(damaged.count))
        switch next() % 3 {
        case 0: damaged[i] = UInt8(truncatingIfNeeded: next())
        case 1: damaged.remove(at: i)
        default: damaged.removeSubrange(i...)
        }
        if damaged.isEmpty { break }
      }
      if (try? JSONReader.read(damaged)) == nil { refused += 1 }
    }
    #expect(refused > 10_000)
  }
}
