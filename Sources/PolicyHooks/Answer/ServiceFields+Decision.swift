import CallModel

/// What a service configuration that leaves something open takes from the deployment (null: the global value).
public struct ServiceDefaults: Hashable, Sendable {
  public var mediaEncryption: MediaEncryption
  public var maximumBandwidthIn: Bandwidth?
  public var maximumBandwidthOut: Bandwidth?
  public var maximumPixels: String?

  public init(
    mediaEncryption: MediaEncryption = .bestEffort, maximumBandwidthIn: Bandwidth? = nil,
    maximumBandwidthOut: Bandwidth? = nil, maximumPixels: String? = nil
  ) {
    self.mediaEncryption = mediaEncryption
    self.maximumBandwidthIn = maximumBandwidthIn
    self.maximumBandwidthOut = maximumBandwidthOut
    self.maximumPixels = maximumPixels
  }
}

extension ServiceFields {
  /// The configuration as a decision.
  public func decision(_ defaults: ServiceDefaults) -> Decision {
    let encryption = text(.cryptoMode).flatMap(MediaEncryption.init(rawValue:)) ?? defaults.mediaEncryption
    let capability = text(.callType).flatMap(CallCapability.init(rawValue:)) ?? .video
    let bandwidthIn =
      integer(.maxCallrateIn).map(Bandwidth.init(bitsPerSecond:)) ?? defaults.maximumBandwidthIn
    let bandwidthOut =
      integer(.maxCallrateOut).map(Bandwidth.init(bitsPerSecond:)) ?? defaults.maximumBandwidthOut
    guard let kind = ServiceConfiguration.Kind(rawValue: type.rawValue) else {
      return .gateway(gateway(capability, encryption, bandwidthIn, bandwidthOut, defaults))
    }
    return .service(
      ServiceConfiguration(
        kind: kind, name: name, tag: tag, description: text(.description) ?? "", callCapability: capability,
        mediaEncryption: encryption, maximumBandwidthIn: bandwidthIn, maximumBandwidthOut: bandwidthOut,
        pin: secret(.pin), guestPIN: secret(.guestPIN), allowsGuests: boolean(.allowGuests)))
  }

  private func gateway(
    _ capability: CallCapability, _ encryption: MediaEncryption, _ bandwidthIn: Bandwidth?,
    _ bandwidthOut: Bandwidth?, _ defaults: ServiceDefaults
  ) -> GatewayConfiguration {
    func unlessEmpty(_ field: ServiceField) -> String? { text(field).flatMap { $0.isEmpty ? nil : $0 } }
    let outgoing = text(.outgoingProtocol).flatMap(CallProtocol.init(rawValue:)) ?? .sip
    var gateway = GatewayConfiguration(
      name: name, tag: tag, remoteAlias: ServiceFields.bare(text(.remoteAlias) ?? "", outgoing),
      localAlias: unlessEmpty(.localAlias).map { ServiceFields.bare($0, outgoing) },
      localDisplayName: unlessEmpty(.localDisplayName),
      target: text(.calledDeviceType).flatMap(CallTarget.init(rawValue:)) ?? .external,
      outgoingProtocol: outgoing,
      outgoingLocation: text(.outgoingLocationName),
      trunks: text(.sipProxyName).map { [TrunkChoice(trunk: $0)] } ?? [], callCapability: capability,
      mediaEncryption: encryption, maximumBandwidthIn: bandwidthIn, maximumBandwidthOut: bandwidthOut,
      maximumPixels: text(.maxPixelsPerSecond) ?? defaults.maximumPixels,
      isTreatedAsTrusted: boolean(.treatAsTrusted), denoiseAudio: boolean(.denoiseAudio),
      liveCaptions: text(.liveCaptionsEnabled) ?? "default",
      externalAvatarLookup: text(.externalParticipantAvatarLookup) ?? "default")
    gateway.h323Gatekeeper = text(.h323GatekeeperName)
    gateway.mssipProxy = text(.mssipProxyName)
    gateway.stunServer = text(.stunServerName)
    gateway.turnServer = text(.turnServerName)
    gateway.teamsProxy = text(.teamsProxyName)
    gateway.gmsAccessToken = text(.gmsAccessTokenName)
    gateway.theme = text(.ivrThemeName)
    gateway.dtmfSequence = text(.dtmfSequence) ?? ""
    gateway.prefersIPv6 = ["yes": true, "no": false][text(.preferIPv6) ?? ""]
    return gateway
  }

  /// An alias without scheme and parameters. Unlike the alias of a caller's call it keeps a port, and a host that is an
  /// address: here that is where the call goes.
  private static func bare(_ text: String, _ callProtocol: CallProtocol) -> String {
    let parsed = Alias(dialled: text, protocol: callProtocol).parsed
    guard callProtocol != .rtmp, let at = text.lastIndex(of: "@") else { return parsed }
    let host = text[text.index(after: at)...].prefix { !";?> \t".contains($0) }
    guard !host.isEmpty else { return parsed }
    guard let end = parsed.lastIndex(of: "@") else { return "\(parsed)@\(host)" }
    return "\(parsed[..<end])@\(host)"
  }
}
