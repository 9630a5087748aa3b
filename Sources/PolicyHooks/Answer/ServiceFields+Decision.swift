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
    guard let kind = ServiceConfiguration.Kind(rawValue: type.rawValue) else {
      return .gateway(gateway(defaults))
    }
    return .service(service(kind, defaults))
  }

  private func encryption(_ defaults: ServiceDefaults) -> MediaEncryption {
    word(.cryptoMode) ?? defaults.mediaEncryption
  }
  private func bandwidthIn(_ defaults: ServiceDefaults) -> Bandwidth? {
    integer(.maxCallrateIn).map(Bandwidth.init(bitsPerSecond:)) ?? defaults.maximumBandwidthIn
  }
  private func bandwidthOut(_ defaults: ServiceDefaults) -> Bandwidth? {
    integer(.maxCallrateOut).map(Bandwidth.init(bitsPerSecond:)) ?? defaults.maximumBandwidthOut
  }

  /// The value that the text of a field stands for.
  private func word<Value: RawRepresentable<String>>(_ field: ServiceField) -> Value? {
    text(field).flatMap(Value.init(rawValue:))
  }

  private func unlessEmpty(_ field: ServiceField) -> String? {
    text(field).flatMap { $0.isEmpty ? nil : $0 }
  }

  // MARK: Services

  private func service(_ kind: ServiceConfiguration.Kind, _ defaults: ServiceDefaults) -> ServiceConfiguration
  {
    var service = ServiceConfiguration(
      kind: kind, name: name, tag: tag, description: text(.description) ?? "",
      callCapability: word(.callType) ?? .video, mediaEncryption: encryption(defaults),
      maximumBandwidthIn: bandwidthIn(defaults), maximumBandwidthOut: bandwidthOut(defaults),
      maximumPixels: text(.maxPixelsPerSecond) ?? defaults.maximumPixels, theme: text(.ivrThemeName),
      localDisplayName: text(.localDisplayName) ?? "", bypassesProxy: boolean(.bypassProxy),
      pin: secret(.pin), guestPIN: secret(.guestPIN), allowsGuests: boolean(.allowGuests))
    switch kind {
    case .conference, .lecture:
      service.signOn = signOn
      service.room = room
    case .mediaPlayback:
      service.signOn = signOn
      service.playback.playlist = text(.mediaPlaylistName) ?? ""
      service.playback.completion = completion
    case .twoStageDialing: service.reception = reception
    case .testCall: break
    }
    return service
  }

  private var signOn: SignOnSettings {
    var signOn = SignOnSettings()
    signOn.hostGroup = text(.hostIdentityProviderGroup)
    signOn.guestGroup = text(.guestIdentityProviderGroup)
    signOn.others = word(.nonIDPParticipants) ?? signOn.others
    return signOn
  }

  private var room: RoomSettings {
    var room = RoomSettings()
    room.automaticParticipants = automaticParticipants
    room.layout = word(.view) ?? room.layout
    room.hostLayout = word(.hostView) ?? room.hostLayout
    room.guestLayout = word(.guestView) ?? room.guestLayout
    room.forcesPresenterIntoMain = boolean(.forcePresenterIntoMain)
    room.guestsCanSeeGuests = word(.guestsCanSeeGuests) ?? room.guestsCanSeeGuests
    room.guestsCanPresent = boolean(.guestsCanPresent)
    room.mutesAllGuests = boolean(.muteAllGuests)
    room.isLocked = boolean(.locked)
    room.participantLimit = integer(.participantLimit)
    room.hasBreakoutRooms = boolean(.breakoutRooms)
    room.directMedia = word(.directMedia) ?? room.directMedia
    room.directMediaNotification = integer(.directMediaNotificationDuration) ?? 0
    room.chat = word(.enableChat) ?? room.chat
    room.showsActiveSpeaker = boolean(.enableActiveSpeakerIndication)
    room.showsOverlayText = boolean(.enableOverlayText)
    room.denoises = boolean(.denoiseEnabled)
    room.softMutes = boolean(.softmuteEnabled)
    room.pinningConfiguration = text(.pinningConfig) ?? ""
    room.preferIPv6 = word(.preferIPv6) ?? room.preferIPv6
    room.ownerEmailAddress = text(.primaryOwnerEmailAddress) ?? ""
    room.liveCaptions = word(.liveCaptionsEnabled) ?? room.liveCaptions
    room.liveCaptionsLanguage = text(.liveCaptionsLanguage) ?? ""
    room.sourceLanguage = text(.sourceLanguage) ?? ""
    room.breakoutUUIDs = breakoutUUIDs
    if boolean(.breakout), let uuid = text(.breakoutUUID), let name = text(.breakoutName) {
      var breakout = RoomSettings.Breakout(uuid: uuid, name: name)
      breakout.description = text(.breakoutDescription) ?? ""
      breakout.guestsMayLeave = boolean(.breakoutGuestsAllowedToLeave)
      breakout.endAction = word(.endAction) ?? breakout.endAction
      breakout.endTime = integer(.endTime) ?? 0
      room.breakout = breakout
    }
    return room
  }

  private var reception: ReceptionSettings {
    var reception = ReceptionSettings()
    reception.match = AliasTransform(
      pattern: text(.matchString) ?? "", replacement: text(.replaceString) ?? "")
    reception.afterLookUp = AliasTransform(
      pattern: text(.postMatchString) ?? "", replacement: text(.postReplaceString) ?? "")
    reception.dialType = word(.twoStageDialType) ?? reception.dialType
    reception.location = text(.systemLocationName)
    reception.gmsAccessToken = text(.gmsAccessTokenName)
    reception.mssipProxy = text(.mssipProxyName)
    reception.teamsProxy = text(.teamsProxyName)
    return reception
  }

  // MARK: Gateway calls

  private func gateway(_ defaults: ServiceDefaults) -> GatewayConfiguration {
    let outgoing: CallProtocol = word(.outgoingProtocol) ?? .sip
    var gateway = GatewayConfiguration(
      name: name, tag: tag, remoteAlias: ServiceFields.bare(text(.remoteAlias) ?? "", outgoing),
      localAlias: unlessEmpty(.localAlias).map { ServiceFields.bare($0, outgoing) },
      localDisplayName: unlessEmpty(.localDisplayName), target: word(.calledDeviceType) ?? .external,
      outgoingProtocol: outgoing, outgoingLocation: text(.outgoingLocationName),
      trunks: text(.sipProxyName).map { [TrunkChoice(trunk: $0)] } ?? [],
      callCapability: word(.callType) ?? .video,
      mediaEncryption: encryption(defaults), maximumBandwidthIn: bandwidthIn(defaults),
      maximumBandwidthOut: bandwidthOut(defaults),
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
    var details = GatewayDetails()
    details.description = text(.description) ?? ""
    details.layout = word(.view) ?? details.layout
    details.showsActiveSpeaker = boolean(.enableActiveSpeakerIndication)
    details.showsOverlayText = boolean(.enableOverlayText)
    details.liveCaptionsLanguage = text(.liveCaptionsLanguage) ?? ""
    details.sourceLanguage = text(.sourceLanguage) ?? ""
    details.bypassesProxy = boolean(.bypassProxy)
    details.fitsTeamsToFrame = text(.teamsFitToFrame) == "yes"
    details.transcodes = boolean(.transcodingEnabled)
    gateway.details = details
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
