import CallModel

/// Server location (RFC 3263 §4): from a target to an ordered list of servers, by NAPTR, SRV and address records.
///
/// Sans-IO: it names the questions to ask and takes the answers in any order; it never waits. Questions of one step go out
/// together, so a look-up takes at most three round trips. What it makes out of broken or hostile zones is bounded by
/// ``ServerLocationPreferences``: aliases are not chased here, and a name yields at most the given number of servers.
public struct ServerLocation: Sendable {
  public enum Step: Hashable, Sendable {
    /// Ask these, and hand each answer to ``answered(_:with:random:)``.
    case ask([DNSQuestion])
    /// Answers are outstanding.
    case wait
    /// Servers in the order to try them; never empty.
    case found([ServerCandidate])
    case failed(ServerLocationError)
  }

  private enum Stage {
    case idle, namingAuthority, services, addresses, finished
  }

  /// One SRV name to look up and the transport it stands for.
  private struct Service {
    var name: String
    var transport: SIPTransportProtocol
    var answer: DNSAnswer?
  }

  /// One host and port whose addresses become candidates.
  private struct Endpoint {
    var host: String
    var port: UInt16
    var transport: SIPTransportProtocol
  }

  private let target: ServerLocationTarget
  private let preferences: ServerLocationPreferences
  private var stage = Stage.idle
  private var services: [Service] = []
  private var endpoints: [Endpoint] = []
  private var outstanding: Set<DNSQuestion> = []
  private var addresses: [DNSQuestion: [IPAddress]] = [:]
  private var failure: DNSFailure?

  public init(target: ServerLocationTarget, preferences: ServerLocationPreferences) {
    self.target = target
    self.preferences = preferences
  }

  /// The transports that may carry this target, most preferred first.
  private var usable: [SIPTransportProtocol] {
    preferences.transports.filter { target.isSecure ? $0.isSecure : true }
  }

  /// Begins. A numeric target is answered at once.
  public mutating func start() -> Step {
    guard case .idle = stage else { preconditionFailure("a server location is started once") }
    if let transport = target.transport, !usable.contains(transport) {
      return finish(.failed(.unsupportedTransport(transport.rawValue.lowercased())))
    }
    guard let fallback = standardTransport else {
      return finish(.failed(.unsupportedTransport(target.isSecure ? "tls" : "any")))
    }
    let name: String
    switch target.host {
    case .ip(let ip):
      guard isUsable(ip) else { return finish(.failed(.unsupportedAddressFamily)) }
      // Where there are no datagrams, the RFC's answer, the others are as good as each other.
      let transports = target.transport.map { [$0] } ?? (fallback == .udp ? [.udp] : fallbackTransports)
      return finish(
        .found(
          transports.map {
            ServerCandidate(
              transport: $0, address: TransportAddress(ip, target.port ?? $0.defaultPort),
              serverName: target.serverName)
          }))
    case .name(let host):
      name = host
    }
    guard HostName.isValid(name) else { return finish(.failed(.invalidName(name))) }
    if let port = target.port {
      // RFC 3263 §4.2: an explicit port goes straight to the addresses.
      endpoints = [Endpoint(host: name, port: port, transport: target.transport ?? fallback)]
      return askAddresses()
    }
    if let transport = target.transport {
      return askServices([Service(name: ServerLocation.serviceName(transport, name), transport: transport)])
    }
    guard preferences.usesNAPTR else { return askServicesOfEveryTransport() }
    stage = .namingAuthority
    return ask([DNSQuestion(name, .naptr)])
  }

  /// Takes one answer. An answer to a question that is not outstanding changes nothing.
  public mutating func answered(
    _ question: DNSQuestion, with answer: DNSAnswer, random: inout some RandomNumberGenerator
  ) -> Step {
    guard outstanding.remove(question) != nil else { return .wait }
    if case .failed(let reason) = answer { failure = reason }
    switch stage {
    case .namingAuthority:
      return followNamingAuthority(answer)
    case .services:
      for index in services.indices where DNSQuestion(services[index].name, .srv) == question {
        services[index].answer = answer
      }
      return outstanding.isEmpty ? followServices(random: &random) : .wait
    case .addresses:
      addresses[question] = answer.records.compactMap {
        if case .address(let ip) = $0, ip.isIPv6 == (question.type == .aaaa) { ip } else { nil }
      }
      return outstanding.isEmpty ? collect() : .wait
    case .idle, .finished:
      return .wait
    }
  }

  // MARK: NAPTR

  /// RFC 3263 §4.1: keep the services we can use, by order and then preference. Only flag `s` is defined for SIP.
  private mutating func followNamingAuthority(_ answer: DNSAnswer) -> Step {
    let pointers = answer.records.compactMap {
      if case .namingAuthority(let pointer) = $0 { pointer } else { nil }
    }
    let usable = self.usable
    var found: [(pointer: DNSRecord.NamingAuthorityPointer, transport: SIPTransportProtocol, rank: Int)] = []
    for pointer in pointers where pointer.flags.lowercased() == "s" && pointer.regularExpression.isEmpty {
      guard let transport = ServerLocation.transport(ofService: pointer.service),
        let rank = usable.firstIndex(of: transport), HostName.isValid(pointer.replacement)
      else { continue }
      found.append((pointer, transport, rank))
    }
    guard !found.isEmpty else { return askServicesOfEveryTransport() }
    found.sort {
      ($0.pointer.order, $0.pointer.preference, $0.rank) < ($1.pointer.order, $1.pointer.preference, $1.rank)
    }
    return askServices(
      found.prefix(preferences.maximumServices).map {
        Service(name: $0.pointer.replacement, transport: $0.transport)
      })
  }

  private static func transport(ofService service: String) -> SIPTransportProtocol? {
    switch service.uppercased() {
    case "SIP+D2U": .udp
    case "SIP+D2T": .tcp
    case "SIPS+D2T": .tls
    case "SIP+D2W": .ws
    case "SIPS+D2W": .wss
    default: nil
    }
  }

  // MARK: SRV

  private static func serviceName(_ transport: SIPTransportProtocol, _ domain: String) -> String {
    switch transport {
    case .udp: "_sip._udp.\(domain)"
    case .tcp: "_sip._tcp.\(domain)"
    case .tls: "_sips._tcp.\(domain)"
    case .ws: "_sip._ws.\(domain)"
    case .wss: "_sips._ws.\(domain)"
    }
  }

  private mutating func askServicesOfEveryTransport() -> Step {
    guard case .name(let name) = target.host else { preconditionFailure("numeric targets ask nothing") }
    return askServices(
      usable.map { Service(name: ServerLocation.serviceName($0, name), transport: $0) })
  }

  private mutating func askServices(_ asked: [Service]) -> Step {
    stage = .services
    services = asked
    return ask(asked.map { DNSQuestion($0.name, .srv) })
  }

  private mutating func followServices(random: inout some RandomNumberGenerator) -> Step {
    guard case .name(let name) = target.host else { preconditionFailure("numeric targets ask nothing") }
    var exists = false
    for service in services {
      let records = service.answer?.records.compactMap {
        if case .service(let record) = $0 { record } else { nil }
      }
      guard let records, !records.isEmpty else { continue }
      exists = true
      for record in ServiceOrder.arrange(records, random: &random) {
        // RFC 2782: a target of "." says that there is no such service here. Port 0 cannot be sent to.
        guard record.port != 0, HostName.isValid(record.target),
          endpoints.count < preferences.maximumServices
        else { continue }
        endpoints.append(Endpoint(host: record.target, port: record.port, transport: service.transport))
      }
    }
    if !exists {
      endpoints = fallbackTransports.map { Endpoint(host: name, port: $0.defaultPort, transport: $0) }
    }
    return askAddresses()
  }

  /// The transports for a target that the DNS gives none: §4.1 for the first choice.
  private var fallbackTransports: [SIPTransportProtocol] {
    if let transport = target.transport { return [transport] }
    switch preferences.addressFallback {
    case .everyTransport where target.port == nil: return usable
    case .standard, .everyTransport: return standardTransport.map { [$0] } ?? []
    }
  }

  /// The transport for a target that says nothing of it: UDP (§4.1); without datagrams TLS, but not to a port that is not its own.
  private var standardTransport: SIPTransportProtocol? {
    if let transport = target.transport { return transport }
    let usable = self.usable
    guard !target.isSecure else { return usable.first }
    if usable.contains(.udp) { return .udp }
    if let port = target.port, port != SIPTransportProtocol.tls.defaultPort, usable.contains(.tcp) {
      return .tcp
    }
    return usable.first
  }

  // MARK: Addresses

  private mutating func askAddresses() -> Step {
    stage = .addresses
    let types = self.types
    var questions: [DNSQuestion] = []
    for endpoint in endpoints {
      // SRV targets must be names (RFC 2782), but zones with addresses in them exist and mean what they say.
      guard IPAddress(endpoint.host) == nil else { continue }
      for type in types {
        let question = DNSQuestion(endpoint.host, type)
        if !questions.contains(question) { questions.append(question) }
      }
    }
    return questions.isEmpty ? collect() : ask(questions)
  }

  private mutating func collect() -> Step {
    var candidates: [ServerCandidate] = []
    let name: String? = if case .name(let host) = target.host { host } else { nil }
    for endpoint in endpoints {
      let found: [IPAddress]
      if let literal = IPAddress(endpoint.host) {
        found = isUsable(literal) ? [literal] : []
      } else {
        found = types.flatMap { addresses[DNSQuestion(endpoint.host, $0)] ?? [] }
      }
      for ip in found where !ip.isUnspecified && candidates.count < preferences.maximumCandidates {
        let candidate = ServerCandidate(
          transport: endpoint.transport, address: TransportAddress(ip, endpoint.port),
          serverName: target.serverName ?? name)
        if !candidates.contains(candidate) { candidates.append(candidate) }
      }
    }
    guard candidates.isEmpty else { return finish(.found(candidates)) }
    if let failure { return finish(.failed(.dnsFailure(name ?? "", failure))) }
    return finish(.failed(.noServer(name ?? "")))
  }

  private var types: [DNSQuestion.RecordType] {
    switch preferences.families {
    case .ipv4Only: [.a]
    case .ipv6Only: [.aaaa]
    case .preferIPv4: [.a, .aaaa]
    case .preferIPv6: [.aaaa, .a]
    }
  }

  private func isUsable(_ ip: IPAddress) -> Bool {
    switch preferences.families {
    case .ipv4Only: !ip.isIPv6
    case .ipv6Only: ip.isIPv6
    case .preferIPv4, .preferIPv6: true
    }
  }

  private mutating func ask(_ questions: [DNSQuestion]) -> Step {
    var unique: [DNSQuestion] = []
    for question in questions where outstanding.insert(question).inserted { unique.append(question) }
    return .ask(unique)
  }

  private mutating func finish(_ step: Step) -> Step {
    stage = .finished
    return step
  }
}
