/// One question to the Router: a call that somebody wants, or a look-up without a call.
///
/// Every inbound call, dial-out, transfer, reception and OPTIONS becomes one of these (architecture, rule 1).
public struct CallRequest: Hashable, Sendable {
  /// Names the call in every log line and in its record.
  public var id: CallID
  public var direction: CallDirection
  public var trigger: CallTrigger
  public var callProtocol: CallProtocol
  public var alias: Alias
  public var caller: Caller
  /// The system location of the node that handles the signalling; for dial-out, the one the call is placed from.
  public var location: String?
  /// What the caller offers: `.auto` when there was no offer to tell.
  public var capability: CallCapability
  /// The most the caller asked for; nil when unknown.
  public var bandwidth: Bandwidth?
  /// True when the caller's offer is encrypted, nil when there was none.
  public var isEncrypted: Bool?
  /// The service this call came from: a transfer, or a reception that collected the alias.
  public var previousServiceName: String?
  /// The service that runs and places this call.
  public var placedFrom: ServiceIdentity?
  public var callTag: String
  /// Hops this call may still take (SIP Max-Forwards, H.323 hopCount); nil when the protocol has none.
  public var hopsLeft: Int?
  /// Loop tokens found on the request (`routing-and-policy` §6): one for each time this call left this cluster.
  public var loopTokens: [String]
  /// How many times this call has been resolved before (reception, transfer, redirect).
  public var resolutions: Int

  public init(
    id: CallID, direction: CallDirection, trigger: CallTrigger, callProtocol: CallProtocol, alias: Alias,
    caller: Caller, location: String? = nil, capability: CallCapability = .auto, bandwidth: Bandwidth? = nil,
    isEncrypted: Bool? = nil, previousServiceName: String? = nil, callTag: String = "", hopsLeft: Int? = nil,
    loopTokens: [String] = [], resolutions: Int = 0
  ) {
    self.id = id
    self.direction = direction
    self.trigger = trigger
    self.callProtocol = callProtocol
    self.alias = alias
    self.caller = caller
    self.location = location
    self.capability = capability
    self.bandwidth = bandwidth
    self.isEncrypted = isEncrypted
    self.previousServiceName = previousServiceName
    self.callTag = callTag
    self.hopsLeft = hopsLeft
    self.loopTokens = loopTokens
    self.resolutions = resolutions
  }
}

/// Which service it is.
public struct ServiceIdentity: Hashable, Sendable {
  public var name: String
  public var kind: ServiceConfiguration.Kind
  public var tag: String

  public init(_ service: ServiceConfiguration) {
    name = service.name
    kind = service.kind
    tag = service.tag
  }
}

/// Who calls.
public struct Caller: Hashable, Sendable {
  /// With scheme where the protocol has one (`sip:ann@example.org`).
  public var alias: String
  public var displayName: String
  /// Where the request came from on the network; nil for calls that start inside.
  public var address: TransportAddress?
  /// User-Agent, or vendor and product.
  public var vendor: String
  /// True when the call comes from a device that is registered here.
  public var isRegistered: Bool
  /// The registered alias, when ``isRegistered``.
  public var registeredAlias: String?
  /// The trunk the call came in on, if it came from one.
  public var trunk: String?
  /// `P-Asserted-Identity` values, only from a peer that is trusted to assert them (RFC 3325): these are passed on.
  public var assertedIdentities: [String]
  /// `P-Asserted-Identity` values as received, for policy servers; nobody has vouched for them.
  public var claimedIdentities: [String] = []
  /// `ms-subnet` values of a Skype for Business client, as received.
  public var subnets: [String] = []

  public init(
    alias: String, displayName: String = "", address: TransportAddress? = nil, vendor: String = "",
    isRegistered: Bool = false, registeredAlias: String? = nil, trunk: String? = nil,
    assertedIdentities: [String] = []
  ) {
    self.alias = alias
    self.displayName = displayName
    self.address = address
    self.vendor = vendor
    self.isRegistered = isRegistered
    self.registeredAlias = registeredAlias
    self.trunk = trunk
    self.assertedIdentities = assertedIdentities
  }
}

/// Names one call through everything it does: its legs, log lines, record. 128 random bits, printed as 26 base-32 characters.
public struct CallID: Hashable, Sendable, CustomStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  public static func random(using generator: inout some RandomNumberGenerator) -> CallID {
    CallID(high: generator.next(), low: generator.next())
  }

  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  public var description: String {
    String(unsafeUninitializedCapacity: 26) { buffer in
      var high = high
      var low = low
      for i in (0..<26).reversed() {
        buffer[i] = CallID.alphabet[Int(low & 31)]
        low = low >> 5 | high << 59
        high >>= 5
      }
      return 26
    }
  }

  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 26 else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for byte in bytes {
      guard let digit = CallID.alphabet.firstIndex(of: byte) else { return nil }
      guard high >> 59 == 0 else { return nil }
      high = high << 5 | low >> 59
      low = low << 5 | UInt64(digit)
    }
    self.init(high: high, low: low)
  }
}
