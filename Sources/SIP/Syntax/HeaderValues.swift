/// The CSeq header (RFC 3261 §20.16).
public struct CSeq: Hashable, Sendable, CustomStringConvertible {
  /// Less than 2^31 when received.
  public var number: UInt32
  public var method: SIPMethod

  public init(number: UInt32, method: SIPMethod) {
    self.number = number
    self.method = method
  }

  public init?(_ text: some StringProtocol) {
    guard
      let value = try? scanning(
        text,
        { bytes throws(SyntaxFault) in
          let layout = try CSeqLayout.scan(bytes, 0..<bytes.count)
          return CSeq(number: layout.number, method: SIPMethod(rawValue: bytes.text(layout.method)))
        })
    else { return nil }
    self = value
  }

  public var description: String { "\(number) \(method)" }
}

struct CSeqLayout {
  var number: UInt32
  var method: Range<Int>

  /// Reads `1*DIGIT LWS Method`; the number must fit 31 bits (RFC 3261 §8.1.1.5).
  static func scan(_ bytes: Bytes, _ range: Range<Int>) throws(SyntaxFault) -> CSeqLayout {
    var i = range.lowerBound
    while i < range.upperBound, bytes[i].isDigit { i += 1 }
    guard i > range.lowerBound, i < range.upperBound, bytes[i].isBlank else {
      throw SyntaxFault(.malformedHeader, i)
    }
    guard let number = bytes.decimal(range.lowerBound..<i, limit: UInt64(Int32.max)) else {
      throw SyntaxFault(.numberOutOfRange, range.lowerBound)
    }
    let start = bytes.skipBlanks(i, range.upperBound)
    guard start < range.upperBound, bytes.skipToken(start, range.upperBound) == range.upperBound else {
      throw SyntaxFault(.malformedHeader, start)
    }
    return CSeqLayout(number: UInt32(number), method: start..<range.upperBound)
  }
}

/// The RAck header (RFC 3262 §7.2): which reliable provisional response a PRACK acknowledges.
public struct RAck: Hashable, Sendable, CustomStringConvertible {
  public var rSeq: UInt32
  public var cSeq: CSeq

  public init(rSeq: UInt32, cSeq: CSeq) {
    self.rSeq = rSeq
    self.cSeq = cSeq
  }

  public init?(_ text: some StringProtocol) {
    let parts = text.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
    guard parts.count == 2, parts[0].utf8.allSatisfy(\.isDigit), let rSeq = UInt32(parts[0]),
      let cSeq = CSeq(parts[1].drop { $0 == " " || $0 == "\t" })
    else { return nil }
    self.init(rSeq: rSeq, cSeq: cSeq)
  }

  public var description: String { "\(rSeq) \(cSeq)" }
}

/// A value with parameters, `value;name=value`: Event, Subscription-State, Content-Disposition,
/// Session-Expires and the like.
public struct ParameterizedValue: Hashable, Sendable, CustomStringConvertible {
  public var value: String
  public var parameters: [SIPURI.Parameter]

  public init(_ value: String, _ parameters: [SIPURI.Parameter] = []) {
    self.value = value
    self.parameters = parameters
  }

  /// Reads a value up to the first semicolon outside quotes, then `*( SEMI generic-param )`.
  public init?(_ text: some StringProtocol) {
    guard
      let parsed = try? scanning(
        text,
        { bytes throws(SyntaxFault) in
          let semicolon = bytes.firstIndex(of: .semicolon, in: 0..<bytes.count) ?? bytes.count
          let value = bytes.trimmed(0..<semicolon)
          guard !value.isEmpty else { throw SyntaxFault(.malformedHeader, 0) }
          var parameters: [SIPURI.Parameter] = []
          let end = try SIPURI.Parameter.scan(bytes, semicolon, bytes.count) {
            parameters.append(SIPURI.Parameter(bytes, $0))
          }
          guard end == bytes.count else { throw SyntaxFault(.malformedHeader, end) }
          return ParameterizedValue(bytes.text(value), parameters)
        })
    else { return nil }
    self = parsed
  }

  public subscript(name: String) -> String? {
    get { parameters.value(of: name) }
    set { parameters.set(name, to: newValue) }
  }

  public var description: String {
    var bytes = Array(value.utf8)
    SIPURI.Parameter.append(headerParameters: parameters, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The Session-Expires header (RFC 4028 §4).
public struct SessionExpires: Hashable, Sendable, CustomStringConvertible {
  public enum Refresher: String, Hashable, Sendable {
    case uac, uas
  }

  /// Seconds.
  public var interval: UInt32
  public var refresher: Refresher?

  public init(interval: UInt32, refresher: Refresher? = nil) {
    self.interval = interval
    self.refresher = refresher
  }

  public init?(_ text: some StringProtocol) {
    guard let parsed = ParameterizedValue(text), let interval = saturatedDecimal(parsed.value) else {
      return nil
    }
    self.init(
      interval: interval, refresher: parsed["refresher"].flatMap { Refresher(rawValue: $0.lowercased()) })
  }

  public var description: String {
    refresher.map { "\(interval);refresher=\($0.rawValue)" } ?? "\(interval)"
  }
}

/// The Replaces header (RFC 3891 §6.1), also found escaped in a Refer-To URI.
public struct Replaces: Hashable, Sendable, CustomStringConvertible {
  public var callID: String
  public var toTag: String
  public var fromTag: String
  /// Only an early dialog may be replaced.
  public var isEarlyOnly: Bool

  public init(callID: String, toTag: String, fromTag: String, isEarlyOnly: Bool = false) {
    self.callID = callID
    self.toTag = toTag
    self.fromTag = fromTag
    self.isEarlyOnly = isEarlyOnly
  }

  /// Both tags must be there.
  public init?(_ text: some StringProtocol) {
    guard let parsed = ParameterizedValue(text), let toTag = parsed["to-tag"], !toTag.isEmpty,
      let fromTag = parsed["from-tag"], !fromTag.isEmpty
    else { return nil }
    self.init(
      callID: parsed.value, toTag: toTag, fromTag: fromTag, isEarlyOnly: parsed["early-only"] != nil)
  }

  public var description: String {
    "\(callID);to-tag=\(toTag);from-tag=\(fromTag)" + (isEarlyOnly ? ";early-only" : "")
  }
}

/// One value of the Reason header (RFC 3326 §2).
public struct ReasonValue: Hashable, Sendable, CustomStringConvertible {
  /// `SIP`, `Q.850` and others.
  public var `protocol`: String
  public var cause: Int?
  public var text: String?

  public init(protocol: String, cause: Int? = nil, text: String? = nil) {
    self.protocol = `protocol`
    self.cause = cause
    self.text = text
  }

  public init?(_ text: some StringProtocol) {
    guard let parsed = ParameterizedValue(text) else { return nil }
    self.init(protocol: parsed.value, cause: parsed["cause"].flatMap { Int($0) }, text: parsed["text"])
  }

  public var description: String {
    var bytes = Array(`protocol`.utf8)
    if let cause {
      bytes.append(";cause=" as StaticString)
      bytes.append(decimal: cause)
    }
    if let text {
      bytes.append(";text=" as StaticString)
      bytes.append(quoted: text)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The Content-Type header (RFC 3261 §20.15). Type and subtype are in lower case.
public struct ContentType: Hashable, Sendable, CustomStringConvertible {
  public var type: String
  public var subtype: String
  public var parameters: [SIPURI.Parameter]

  public init(_ type: String, _ subtype: String, parameters: [SIPURI.Parameter] = []) {
    self.type = type.lowercased()
    self.subtype = subtype.lowercased()
    self.parameters = parameters
  }

  public init?(_ text: some StringProtocol) {
    guard let parsed = ParameterizedValue(text) else { return nil }
    let parts = parsed.value.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let trimmed = parts.map { part in
      String(part.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
    guard trimmed.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isToken) }) else { return nil }
    self.init(trimmed[0], trimmed[1], parameters: parsed.parameters)
  }

  public subscript(name: String) -> String? { parameters.value(of: name) }

  public var description: String { "\(ParameterizedValue("\(type)/\(subtype)", parameters))" }

  public static let sdp = ContentType("application", "sdp")
  public static let dtmfRelay = ContentType("application", "dtmf-relay")
  public static let sipFragment = ContentType("message", "sipfrag")
  public static let mediaControl = ContentType("application", "media_control+xml")
}

private func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

/// A number of seconds or the like; one too large for 32 bits is read as the largest (RFC 3261 §20.19 leaves
/// larger values to the implementation). Nil when it is not a number.
func saturatedDecimal(_ text: some StringProtocol) -> UInt32? {
  guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit) else { return nil }
  return UInt32(text) ?? .max
}
