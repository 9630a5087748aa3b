import CallModel

/// A SIP request or response (RFC 3261 §7).
public enum SIPMessage: Hashable, Sendable {
  case request(SIPRequest)
  case response(SIPResponse)

  public var headers: SIPHeaders {
    switch self {
    case .request(let request): request.headers
    case .response(let response): response.headers
    }
  }
}

public struct SIPRequest: Hashable, Sendable {
  public var method: SIPMethod
  public var uri: SIPURI
  public var headers: SIPHeaders
  public var body: [UInt8]

  public init(method: SIPMethod, uri: SIPURI, headers: SIPHeaders = SIPHeaders(), body: [UInt8] = []) {
    self.method = method
    self.uri = uri
    self.headers = headers
    self.body = body
  }
}

public struct SIPResponse: Hashable, Sendable {
  /// 100-699.
  public var status: Int
  public var reason: String
  public var headers: SIPHeaders
  public var body: [UInt8]

  public init(status: Int, reason: String? = nil, headers: SIPHeaders = SIPHeaders(), body: [UInt8] = []) {
    self.status = status
    self.reason = reason ?? SIPStatus.defaultReason(status)
    self.headers = headers
    self.body = body
  }

  public var isProvisional: Bool { status < 200 }
  public var isSuccess: Bool { (200..<300).contains(status) }
}

/// A request method: a token, compared with case (RFC 3261 §7.1).
public struct SIPMethod: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public var description: String { rawValue }

  public static let invite = SIPMethod(rawValue: "INVITE")
  public static let ack = SIPMethod(rawValue: "ACK")
  public static let bye = SIPMethod(rawValue: "BYE")
  public static let cancel = SIPMethod(rawValue: "CANCEL")
  public static let register = SIPMethod(rawValue: "REGISTER")
  public static let options = SIPMethod(rawValue: "OPTIONS")
  public static let prack = SIPMethod(rawValue: "PRACK")
  public static let update = SIPMethod(rawValue: "UPDATE")
  public static let info = SIPMethod(rawValue: "INFO")
  public static let message = SIPMethod(rawValue: "MESSAGE")
  public static let refer = SIPMethod(rawValue: "REFER")
  public static let notify = SIPMethod(rawValue: "NOTIFY")
  public static let subscribe = SIPMethod(rawValue: "SUBSCRIBE")
  public static let publish = SIPMethod(rawValue: "PUBLISH")
}

/// The header fields of a message in the order they were received. Values are unfolded and trimmed, otherwise
/// as written. A field that carries a comma-separated list stays one field until a typed accessor splits it.
public struct SIPHeaders: Hashable, Sendable {
  public struct Field: Hashable, Sendable {
    public var name: SIPHeaderName
    public var value: String
    public init(_ name: SIPHeaderName, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public var fields: [Field]
  public init(_ fields: [Field] = []) { self.fields = fields }

  /// The value of the first field with this name.
  public subscript(name: SIPHeaderName) -> String? {
    for field in fields where field.name == name { return field.value }
    return nil
  }

  /// The values of all fields with this name, in order, not split at commas.
  public func all(_ name: SIPHeaderName) -> [String] {
    fields.compactMap { $0.name == name ? $0.value : nil }
  }

  public func contains(_ name: SIPHeaderName) -> Bool { fields.contains { $0.name == name } }

  public mutating func append(_ name: SIPHeaderName, _ value: String) { fields.append(Field(name, value)) }
  public mutating func prepend(_ name: SIPHeaderName, _ value: String) {
    fields.insert(Field(name, value), at: 0)
  }
  public mutating func removeAll(_ name: SIPHeaderName) { fields.removeAll { $0.name == name } }

  /// Replaces every field of this name by one, in the place of the first, or appends it.
  public mutating func set(_ name: SIPHeaderName, _ value: String) {
    guard let first = fields.firstIndex(where: { $0.name == name }) else { return append(name, value) }
    fields[first].value = value
    var index = fields.count - 1
    while index > first {
      if fields[index].name == name { fields.remove(at: index) }
      index -= 1
    }
  }
}
