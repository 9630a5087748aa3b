import CallModel

/// Somebody who is called when a conference starts (reference §5.2): once, at least ten seconds after the first participant
/// came, and not if the alias is in already.
public struct AutomaticParticipant: Hashable, Sendable {
  public var dialOut: DialOut

  /// - Parameter dialOut: who, and how; ``DialOut/keepAlive`` is "if multiple" unless policy says otherwise.
  public init(_ dialOut: DialOut) { self.dialOut = dialOut }

  public init(
    alias: String, callProtocol: CallProtocol = .sip, routing: DialOut.Routing = .manual, localAlias: String,
    role: Participant.Role = .guest
  ) {
    dialOut = DialOut(
      destination: alias, callProtocol: callProtocol, routing: routing, localAlias: localAlias, role: role,
      keepAlive: .ifMultiple)
  }

  static let delay = TimeSpan.seconds(10)

  /// Whether this participant is the one to be called.
  func isSame(as participant: Participant) -> Bool {
    let key = { (text: String) in Alias(dialled: text, protocol: .sip).parsed.caseFolded }
    return key(participant.alias) == key(dialOut.destination)
  }
}
