/// A question to the domain name system: one name, one record type.
public struct DNSQuestion: Hashable, Sendable, CustomStringConvertible {
  /// The record types call routing needs; raw values are the codes of RFC 1035 §3.2.2, RFC 3596, RFC 2782, RFC 3403.
  public enum RecordType: UInt16, Hashable, Sendable, CaseIterable {
    case a = 1
    case aaaa = 28
    case srv = 33
    case naptr = 35
  }

  /// Lower-cased, without the final dot: names are compared without case (RFC 4343).
  public let name: String
  public let type: RecordType

  public init(_ name: String, _ type: RecordType) {
    var bytes = Array(name.utf8)
    if bytes.last == UInt8(ascii: "."), bytes.count > 1 { bytes.removeLast() }
    for i in bytes.indices where (0x41...0x5a).contains(bytes[i]) { bytes[i] |= 0x20 }
    self.name = String(decoding: bytes, as: UTF8.self)
    self.type = type
  }

  public var description: String { "\(name) \(type)" }
}

/// One record of an answer, without its owner name: aliases (CNAME) are followed before it is given out.
public enum DNSRecord: Hashable, Sendable {
  /// A or AAAA.
  case address(IPAddress)
  case service(ServiceRecord)
  case namingAuthority(NamingAuthorityPointer)

  /// SRV (RFC 2782).
  public struct ServiceRecord: Hashable, Sendable {
    /// Lower is tried first.
    public var priority: UInt16
    /// Share of the load among records of one priority.
    public var weight: UInt16
    public var port: UInt16
    /// Host name; `.` means that the service is decidedly not available.
    public var target: String

    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
      self.priority = priority
      self.weight = weight
      self.port = port
      self.target = target
    }
  }

  /// NAPTR (RFC 3403 §4).
  public struct NamingAuthorityPointer: Hashable, Sendable {
    /// Lower must be tried first.
    public var order: UInt16
    /// Lower should be tried first among records of one order.
    public var preference: UInt16
    public var flags: String
    public var service: String
    public var regularExpression: String
    public var replacement: String

    public init(
      order: UInt16, preference: UInt16, flags: String, service: String, regularExpression: String = "",
      replacement: String
    ) {
      self.order = order
      self.preference = preference
      self.flags = flags
      self.service = service
      self.regularExpression = regularExpression
      self.replacement = replacement
    }
  }
}

/// What came back for a ``DNSQuestion``.
public enum DNSAnswer: Hashable, Sendable {
  /// At least one record of the asked type, in the order of the response.
  case records([DNSRecord])
  /// The name exists, records of this type do not (RFC 2308 §2.2).
  case noData
  /// NXDOMAIN (RFC 2308 §2.1).
  case noSuchName
  /// No answer could be had; trying again later may help.
  case failed(DNSFailure)

  public var records: [DNSRecord] { if case .records(let records) = self { records } else { [] } }
}

/// Why no answer could be had.
public enum DNSFailure: String, Hashable, Sendable {
  case timeout
  /// No server gave a usable response: SERVFAIL, REFUSED, NOTIMP, a broken message, or nobody at its port.
  case serverFailure
  /// The name cannot be asked for: empty, a label over 63 or a name over 253 bytes.
  case invalidName
  case cancelled
  /// A bound of ours: too many questions at once.
  case overloaded
}
