import CallModel

/// Somebody who is called when a conference starts (reference §5.2): once, at least ten seconds after the first participant
/// came, and not if the alias is in already.
extension DialOut {
  static let automaticDelay = TimeSpan.seconds(10)

  public init(_ automatic: RoomSettings.AutomaticParticipant) {
    self.init(
      destination: automatic.remoteAlias, callProtocol: automatic.callProtocol,
      routing: automatic.isRoutedByRules ? .automatic : .manual, localAlias: automatic.localAlias,
      role: automatic.role == .chair ? .chair : .guest,
      keepAlive: Participant.KeepAlive(rawValue: automatic.keepAlive.rawValue) ?? .ifMultiple)
    location = automatic.systemLocation
    localDisplayName = automatic.localDisplayName.isEmpty ? nil : automatic.localDisplayName
    remoteDisplayName = automatic.remoteDisplayName.isEmpty ? nil : automatic.remoteDisplayName
    capability = automatic.callCapability
    // Policy checks it where it is written, and where it is answered.
    dtmfSequence = automatic.dtmfSequence.isEmpty ? nil : DTMFSequence(automatic.dtmfSequence)
    isStreaming = automatic.isStreaming
    presentationURL = automatic.presentationURL.isEmpty ? nil : automatic.presentationURL
  }

  /// Whether this participant is the one to be called.
  func isCall(to participant: Participant) -> Bool {
    let key = { (text: String) in Alias(dialled: text, protocol: .sip).parsed.caseFolded }
    return key(participant.alias) == key(shownDestination)
  }
}
