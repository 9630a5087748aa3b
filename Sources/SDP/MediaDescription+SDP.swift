import CallModel

/// A line that could not be used and was left out of the mapping: for the log and for the record. Never holds the line.
public struct IgnoredAttribute: Hashable, Sendable {
  /// Index of the stream; nil at session level.
  public var stream: Int?
  /// Name of the attribute.
  public var name: String
  /// A short stable reason, such as `keyLength`.
  public var reason: String
}

extension SessionDescription {
  /// The host names that must be resolved before the description can be mapped. Rare: peers write addresses.
  public var unresolvedHosts: [String] {
    var names: [String] = []
    for connection in [connection] + media.filter({ $0.port != 0 }).map(\.connection) {
      if case .name(let name)? = connection?.host, !names.contains(name) { names.append(name) }
    }
    return names
  }
}

extension MediaDescription {
  /// What a session description says, in protocol-neutral terms.
  ///
  /// - Parameters:
  ///   - hosts: Addresses of the host names in `c=` (see ``SessionDescription/unresolvedHosts``). A stream whose name is not
  ///     among them is disabled.
  ///   - ignored: Called for each attribute that is left out because it makes no sense or is not supported.
  /// - Throws: When a stream has no address, an RTP stream has an impossible payload type, or no stream could be resolved.
  public init(
    _ sdp: SessionDescription, hosts: [String: IPAddress] = [:],
    ignored: (IgnoredAttribute) -> Void = { _ in }
  ) throws(SDPError) {
    self.init()
    var sessionDirection = MediaStream.Direction.sendReceive
    var usesICE = false
    for attribute in sdp.attributes {
      if let direction = MediaStream.Direction(attribute) {
        sessionDirection = direction
      } else {
        if attribute.name == "ice-ufrag" { usesICE = true }
        attributes.append(attribute)
      }
    }
    bandwidth = Bandwidth(sdp.bandwidths)

    var unresolved = 0
    streams.reserveCapacity(sdp.media.count)
    for (index, line) in sdp.media.enumerated() {
      var stream = try MediaStream(line, index: index, direction: sessionDirection, hosts, ignored)
      if stream.isEnabled {
        guard let connection = line.connection ?? sdp.connection else {
          throw SDPError(.noConnection, line: line.line)
        }
        if let ip = connection.resolved(hosts) {
          stream.address = TransportAddress(ip, line.port)
        } else {
          stream.isEnabled = false
          unresolved += 1
        }
        // RFC 2543 hold: the zero address says "do not send to me". With ICE it only says "no candidate chosen yet".
        if stream.isEnabled, stream.address.ip.isUnspecified, !usesICE, stream.attribute("ice-ufrag") == nil {
          stream.direction = MediaStream.Direction(sends: stream.direction.sends, receives: false)
        }
        if let rtcp = stream.rtcpAddress, rtcp.ip.isUnspecified {
          stream.rtcpAddress = TransportAddress(stream.address.ip, rtcp.port)
        }
      } else {
        stream.rtcpAddress = nil
      }
      streams.append(stream)
    }
    if unresolved > 0, !streams.contains(where: \.isEnabled) { throw SDPError(.unresolvedHost) }
  }

  /// Parses and maps in one step.
  public init(
    sdp bytes: [UInt8], limits: SDPLimits = .standard, hosts: [String: IPAddress] = [:],
    ignored: (IgnoredAttribute) -> Void = { _ in }
  ) throws(SDPError) {
    try self.init(SessionDescription(parsing: bytes, limits: limits), hosts: hosts, ignored: ignored)
  }
}

extension SessionDescription.Connection {
  func resolved(_ hosts: [String: IPAddress]) -> IPAddress? {
    switch host {
    case .ip(let ip): ip
    case .name(let name): hosts[name]
    }
  }
}

extension Bandwidth {
  /// `TIAS` is exact and wins over `AS`; `CT` counts the whole conference and is the last resort.
  init?(_ lines: [SessionDescription.BandwidthLine]) {
    var best: (rank: Int, bitsPerSecond: Int)?
    for line in lines {
      let candidate: (Int, Int)
      switch line.type {
      case "TIAS": candidate = (3, line.value)
      case "AS": candidate = (2, line.value * 1000)
      case "CT": candidate = (1, line.value * 1000)
      default: continue
      }
      if candidate.0 > best?.rank ?? 0 { best = candidate }
    }
    guard let best else { return nil }
    self.init(bitsPerSecond: best.bitsPerSecond)
  }
}

extension MediaStream.Direction {
  init?(_ attribute: MediaAttribute) {
    guard attribute.name.utf8.count == 8 else { return nil }
    self.init(rawValue: attribute.name)
  }
}

extension MediaStream.Kind {
  init(_ name: String) {
    // The usual spelling first: folding the case of a string is dear.
    if let kind = MediaStream.Kind(exactly: name) ?? MediaStream.Kind(exactly: name.lowercased()) {
      self = kind
    } else {
      self = .other(name)
    }
  }

  private init?(exactly name: String) {
    switch name {
    case "audio": self = .audio
    case "video": self = .video
    case "application": self = .application
    case "text": self = .text
    case "image": self = .image
    case "message": self = .message
    default: return nil
    }
  }

  /// The first word of `m=`.
  public var sdpName: String {
    switch self {
    case .audio: "audio"
    case .video: "video"
    case .application: "application"
    case .text: "text"
    case .image: "image"
    case .message: "message"
    case .other(let name): name
    }
  }
}

extension MediaStream.Profile {
  /// RFC 3551, RFC 3711, RFC 4585, RFC 5124, RFC 5764; anything else is carried as it is.
  init(_ proto: String) {
    if let profile = MediaStream.Profile(exactly: proto) ?? MediaStream.Profile(exactly: proto.uppercased()) {
      self = profile
    } else {
      self = .other(proto)
    }
  }

  private init?(exactly proto: String) {
    switch proto {
    case "RTP/AVP": self = .rtpAVP
    case "RTP/SAVP": self = .rtpSAVP
    case "RTP/AVPF": self = .rtpAVPF
    case "RTP/SAVPF": self = .rtpSAVPF
    case "UDP/TLS/RTP/SAVP": self = .dtlsSAVP
    case "UDP/TLS/RTP/SAVPF": self = .dtlsSAVPF
    default: return nil
    }
  }

  /// The third word of `m=`.
  public var sdpName: String {
    switch self {
    case .rtpAVP: "RTP/AVP"
    case .rtpSAVP: "RTP/SAVP"
    case .rtpAVPF: "RTP/AVPF"
    case .rtpSAVPF: "RTP/SAVPF"
    case .dtlsSAVP: "UDP/TLS/RTP/SAVP"
    case .dtlsSAVPF: "UDP/TLS/RTP/SAVPF"
    case .other(let name): name
    }
  }
}
