import CallModel
import PolicyEngine
import Router

/// What administrators ask of conferences.
extension ConferenceHost {
  /// Carries out a command on a running conference, or says why not.
  ///
  /// - Parameter conference: its name or its id.
  public func perform(_ command: ConferenceCommand, on conference: String) -> ConferenceRefusal? {
    guard let name = directory.name(of: conference) else { return .isOver }
    let (actions, refusal) = directory.perform(
      command, on: name, by: .administrator, protection: protection, now: loop.now)
    if let room = rooms[name] { carryOut(actions, in: room) }
    return refusal
  }

  /// Dials out from the service that owns `alias`, which begins as a conference if it does not run.
  ///
  /// - Returns: the participant under whose id the call is in the roster, or why there is none.
  public func dial(
    _ dialOut: DialOut, from alias: String
  ) -> Result<ParticipantID, ConferenceRefusal> {
    guard let service = router.policy.service(alias: Alias(dialled: alias, protocol: .sip).parsed),
      [.conference, .lecture].contains(service.configuration.kind)
    else { return .failure(.isOver) }
    let configuration = service.configuration
    guard let room = room(of: configuration) else { return .failure(.isFull) }
    let id = makeParticipantID()
    let isNew = directory.conferences[configuration.name] == nil
    let (actions, refusal) = directory.dial(
      dialOut, as: id, from: settings(of: configuration), token: router.roomToken(configuration.name),
      globals: globals, protection: protection, random: generator, now: loop.now)
    if isNew, refusal == nil { onNotice?(.began(configuration.name)) }
    carryOut(actions, in: room)
    return refusal.map { .failure($0) } ?? .success(id)
  }
}
