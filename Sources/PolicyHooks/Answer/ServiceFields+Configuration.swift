import CallModel

/// The way back: a decision under the field names of the interface, for scripts (routing reference §3.3, §12.1).
extension ServiceFields {
  /// Who calls, for the gateway fields that say so where nothing else is set.
  public struct CallingParty: Hashable, Sendable {
    public var alias: String
    public var displayName: String
    public init(alias: String, displayName: String = "") {
      self.alias = alias
      self.displayName = displayName
    }
  }

  /// Nil for a decision that is no service and no gateway call.
  public init?(_ decision: Decision, caller: CallingParty) {
    var writer = FieldWriter()
    switch decision {
    case .service(let service):
      guard let type = ServiceType(rawValue: service.kind.rawValue) else { return nil }
      writer.write(service)
      self.init(type: type, values: writer.values(of: type))
    case .gateway(let gateway):
      writer.write(gateway, caller)
      self.init(type: .gateway, values: writer.values(of: .gateway))
    case .reject, .redirect: return nil
    }
  }
}

/// Collects fields. What would not pass as an answer is made to: a script that hands on what it was given must not fail for a
/// caller's long name.
private struct FieldWriter {
  private var all: [ServiceField: FieldValue] = [:]

  /// Those that services of `type` have.
  func values(of type: ServiceType) -> [ServiceField: FieldValue] {
    var values = all.filter { ServiceFieldRule.byField[$0.key]?.presence(in: type) != .absent }
    values[.serviceType] = .text(type.rawValue)
    return values
  }

  private subscript(field: ServiceField) -> String? {
    get { nil }
    set {
      guard let newValue else { return }
      all[field] = .text(FieldWriter.clean(newValue, isMultiline: field == .description))
    }
  }

  private mutating func write(_ field: ServiceField, _ value: Bool) { all[field] = .boolean(value) }
  private mutating func write(_ field: ServiceField, _ value: Int?) {
    all[field] = value.map { .integer($0) }
  }
  private mutating func write(_ field: ServiceField, _ value: Secret?) {
    all[field] = value.map { .secret($0) }
  }
  private mutating func write(_ field: ServiceField, _ value: some RawRepresentable<String>) {
    all[field] = .text(value.rawValue)
  }
  private mutating func write(_ field: ServiceField, _ value: Bandwidth?) {
    guard let bits = value?.bitsPerSecond, ServiceFieldRule.callrate.contains(bits) else { return }
    all[field] = .integer(bits)
  }

  /// Up to 250 characters, and no control characters.
  static func clean(_ text: String, isMultiline: Bool = false) -> String {
    func isClean(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value >= 0x20 && scalar.value != 0x7f
        || isMultiline && (scalar == "\n" || scalar == "\r" || scalar == "\t")
    }
    let limit = FieldReader.maximumLength
    if text.utf8.count <= limit, text.unicodeScalars.allSatisfy(isClean) { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.filter(isClean).prefix(limit)))
  }

  mutating func write(_ service: ServiceConfiguration) {
    self[.name] = service.name
    self[.serviceTag] = service.tag
    self[.description] = service.description
    write(.callType, service.callCapability)
    write(.cryptoMode, service.mediaEncryption)
    write(.maxCallrateIn, service.maximumBandwidthIn)
    write(.maxCallrateOut, service.maximumBandwidthOut)
    self[.maxPixelsPerSecond] = service.maximumPixels
    self[.ivrThemeName] = service.theme
    self[.localDisplayName] = service.localDisplayName
    write(.bypassProxy, service.bypassesProxy)
    write(.pin, service.pin)
    write(.guestPIN, service.guestPIN)
    write(.allowGuests, service.allowsGuests)
    self[.hostIdentityProviderGroup] = service.signOn.hostGroup
    self[.guestIdentityProviderGroup] = service.signOn.guestGroup
    write(.nonIDPParticipants, service.signOn.others)
    if service.kind == .conference || service.kind == .lecture { write(service.room) }
    if service.kind == .twoStageDialing { write(service.reception) }
    if service.kind == .mediaPlayback {
      self[.mediaPlaylistName] = service.playback.playlist
      all[.onCompletion] = service.playback.completion.map { .completion($0) }
    }
  }

  private mutating func write(_ room: RoomSettings) {
    all[.automaticParticipants] = .automaticParticipants(room.automaticParticipants)
    write(.view, room.layout)
    write(.hostView, room.hostLayout)
    write(.guestView, room.guestLayout)
    write(.forcePresenterIntoMain, room.forcesPresenterIntoMain)
    write(.guestsCanSeeGuests, room.guestsCanSeeGuests)
    write(.guestsCanPresent, room.guestsCanPresent)
    write(.muteAllGuests, room.mutesAllGuests)
    write(.locked, room.isLocked)
    write(.participantLimit, room.participantLimit)
    write(.breakoutRooms, room.hasBreakoutRooms)
    write(.directMedia, room.directMedia)
    write(.directMediaNotificationDuration, room.directMediaNotification)
    write(.enableChat, room.chat)
    write(.enableActiveSpeakerIndication, room.showsActiveSpeaker)
    write(.enableOverlayText, room.showsOverlayText)
    write(.denoiseEnabled, room.denoises)
    write(.softmuteEnabled, room.softMutes)
    self[.pinningConfig] = room.pinningConfiguration
    write(.preferIPv6, room.preferIPv6)
    self[.primaryOwnerEmailAddress] = room.ownerEmailAddress
    write(.liveCaptionsEnabled, room.liveCaptions)
    self[.liveCaptionsLanguage] = room.liveCaptionsLanguage
    self[.sourceLanguage] = room.sourceLanguage
    if !room.breakoutUUIDs.isEmpty { all[.breakoutUUIDs] = .texts(room.breakoutUUIDs) }
    if let breakout = room.breakout {
      write(.breakout, true)
      self[.breakoutUUID] = breakout.uuid
      self[.breakoutName] = breakout.name
      self[.breakoutDescription] = breakout.description
      write(.breakoutGuestsAllowedToLeave, breakout.guestsMayLeave)
      write(.endAction, breakout.endAction)
      write(.endTime, breakout.endTime)
    }
  }

  private mutating func write(_ reception: ReceptionSettings) {
    self[.matchString] = reception.match.pattern
    self[.replaceString] = reception.match.replacement
    self[.postMatchString] = reception.afterLookUp.pattern
    self[.postReplaceString] = reception.afterLookUp.replacement
    write(.twoStageDialType, reception.dialType)
    self[.systemLocationName] = reception.location
    self[.gmsAccessTokenName] = reception.gmsAccessToken
    self[.mssipProxyName] = reception.mssipProxy
    self[.teamsProxyName] = reception.teamsProxy
  }

  mutating func write(_ gateway: GatewayConfiguration, _ caller: ServiceFields.CallingParty) {
    self[.name] = gateway.name
    self[.serviceTag] = gateway.tag
    self[.remoteAlias] = gateway.remoteAlias
    self[.localAlias] = gateway.localAlias ?? caller.alias
    self[.localDisplayName] = gateway.localDisplayName ?? caller.displayName
    write(.outgoingProtocol, gateway.outgoingProtocol)
    write(.calledDeviceType, gateway.target)
    write(.callType, gateway.callCapability)
    write(.cryptoMode, gateway.mediaEncryption)
    write(.maxCallrateIn, gateway.maximumBandwidthIn)
    write(.maxCallrateOut, gateway.maximumBandwidthOut)
    self[.maxPixelsPerSecond] = gateway.maximumPixels
    write(.treatAsTrusted, gateway.isTreatedAsTrusted)
    write(.denoiseAudio, gateway.denoiseAudio)
    self[.liveCaptionsEnabled] = gateway.liveCaptions
    self[.externalParticipantAvatarLookup] = gateway.externalAvatarLookup
    self[.outgoingLocationName] = gateway.outgoingLocation
    // The field holds one name. As long as it is left alone, the whole list stays.
    self[.sipProxyName] = gateway.trunks.first?.trunk
    self[.h323GatekeeperName] = gateway.h323Gatekeeper
    self[.mssipProxyName] = gateway.mssipProxy
    self[.stunServerName] = gateway.stunServer
    self[.turnServerName] = gateway.turnServer
    self[.teamsProxyName] = gateway.teamsProxy
    self[.gmsAccessTokenName] = gateway.gmsAccessToken
    self[.ivrThemeName] = gateway.theme
    let details = gateway.details
    self[.description] = details.description
    write(.view, details.layout)
    write(.enableActiveSpeakerIndication, details.showsActiveSpeaker)
    write(.enableOverlayText, details.showsOverlayText)
    self[.preferIPv6] = gateway.prefersIPv6.map { $0 ? "yes" : "no" } ?? "default"
    self[.liveCaptionsLanguage] = details.liveCaptionsLanguage
    self[.sourceLanguage] = details.sourceLanguage
    write(.bypassProxy, details.bypassesProxy)
    self[.dtmfSequence] = gateway.dtmfSequence
    self[.teamsFitToFrame] = details.fitsTeamsToFrame ? "yes" : "no"
    write(.transcodingEnabled, details.transcodes)
  }
}
