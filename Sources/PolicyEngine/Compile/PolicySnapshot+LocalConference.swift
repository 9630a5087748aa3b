import CallModel

/// The conferences that telephones open for themselves (conferences reference §12.2).
extension PolicySnapshot {
  /// What is dialled before the number of the telephone whose conference it is.
  public static let localConferencePrefix = "*8"

  /// The conference of a telephone that `request` names, if there is such a telephone. Only devices of ours come in: for
  /// everybody else there is no such alias.
  func localConference(_ request: CallRequest) -> ServiceConfiguration? {
    guard request.caller.isRegistered, request.direction != .dialOut,
      request.alias.parsed.hasPrefix(PolicySnapshot.localConferencePrefix)
    else { return nil }
    let number = request.alias.parsed.dropFirst(PolicySnapshot.localConferencePrefix.count)
      .prefix { $0 != "@" }
    guard let device = localConferenceOwner(String(number)), let settings = device.localConference else {
      return nil
    }
    var service = ServiceConfiguration(
      kind: .conference, name: "local conference of \(number)", tag: device.tag, callCapability: .audio,
      mediaEncryption: policy.globals.mediaEncryption, maximumBandwidthIn: policy.globals.bandwidthIn,
      maximumBandwidthOut: policy.globals.bandwidthOut)
    // Everybody but its owner is a guest.
    service.guestPIN = settings.pin
    service.allowsGuests = true
    var telephone = TelephoneConference(owner: String(number))
    telephone.endsOnExit = settings.endsOnExit
    telephone.announcesCallers = settings.announcesCallers
    telephone.playsMusicWhenAlone = false
    service.room.telephone = telephone
    return service
  }
}
